"""XCom's wire format, as far as two requests need it: list the members' addresses, and remove a member from the group.
Pure, and total: whatever a peer sends, it is understood or it is not.

The protocol is Group Replication's own and undocumented. Its source: xcom_vp.x and xcom_transport.h in
plugin/group_replication/libmysqlgcs/src/bindings/xcom/xcom; the encoding is XDR (RFC 4506). This speaks one version of
it, x_1_9, which MySQL 8.4 and 9.7 share. What a server does with the request: docs/adr/0037.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import Enum

COMMAND = 0x21  # COM_SUBSCRIBE_GROUP_REPLICATION_STREAM: from here on the connection speaks XCom's protocol
HEADER_BYTES = 12
LONGEST_REPLY = 4096  # nine members of 253 bytes each, and 160 bytes; nothing longer is read

_VERSION = 10  # x_1_9
_HEADER = struct.Struct(">IIBHB")  # version, bytes of the body, kind, tag, unused
_MESSAGE, _VERSION_REQUEST, _VERSION_REPLY = 0, 1, 2
_NEGOTIATING, _ASKING = 313, 666  # tags; any number
_NOBODY = 0xFFFFFFFF
_CLIENT_REPLY = 22
_REMOVE, _LIST = 15, 27  # remove_node_type, get_leaders_type: without a single leader, that is every member
_EXPIRES_SECONDS = 13.0
_PROPOSES_AND_LEARNS = 7  # services of a node
_EVENT_HORIZON = 10  # the group's minimum, and its default

# struct pax_msg up to the request: to, from, group_id, max_synode, start_type, reply_to, proposal, op, synode,
# msg_type, and whether there are receivers and a request. A synode is "IQI", a ballot "iI".
_BEFORE = struct.Struct(">III IQI I iI iI I IQI I II")
_GROUP, _OP, _RECEIVERS, _REQUEST = 3, 11, 16, 17  # positions in it; the group's is max_synode's
# What follows the request: snap, gcs_snap, cli_err, force_delivery, refcnt, delivered_msg, event_horizon,
# requested_synode_app_data, rd.
_AFTER = struct.Struct(">II I I i IQI I I I")
_ANSWER, _DATA = 2, 10  # positions in it; the latter: whether a reply_data follows
_REPLY_BYTES = _BEFORE.size + _AFTER.size
# struct reply_data with leader_info: its kind, how many may lead, how many are preferred, how many lead.
_LISTED = struct.Struct(">I I I I")
# struct app_data: unique_id, group_id, lsn, app_key, consensus, expiry_time, notused, log_it, chosen, recover, c_t.
_REQUESTED = struct.Struct(">IQI I Q IQI I d III I I")


class Answer(Enum):
    """What a member replies. OK means that it will propose the removal, not that the group has decided."""

    OK = 0
    FAIL = 1
    RETRY = 2
    REDIRECT = 3


SETTLED = (Answer.OK, Answer.FAIL)  # asking again would change nothing


def version_request() -> bytes:
    return _HEADER.pack(_VERSION, 0, _VERSION_REQUEST, _NEGOTIATING, 0)


def is_agreed(header: bytes) -> bool:
    """Whether the reply to `version_request` agrees to exactly the version that this module speaks."""
    return len(header) == HEADER_BYTES and header == _HEADER.pack(_VERSION, 0, _VERSION_REPLY, _NEGOTIATING, 0)


def removal(group_name: str, addresses: Sequence[str]) -> bytes:
    """The request to remove whoever has these addresses ("host:port", as in group_replication_local_address): all in
    one change of the group's configuration."""
    return _request(group_name, _REMOVE, struct.pack(">I", len(addresses)) + b"".join(map(_node, addresses)))


def _node(address: str) -> bytes:
    # Its uuid stays empty, which 9.7 takes for any: no table shows it. A node's versions go from 1 to ours.
    return _opaque(address.encode()) + _opaque(b"") + struct.pack(">III", 1, _VERSION, _PROPOSES_AND_LEARNS)


def listing(group_name: str) -> bytes:
    """The question which addresses the receiver's latest configuration of the group holds, dead members included."""
    return _request(group_name, _LIST, b"")


def _request(group_name: str, kind: int, what: bytes) -> bytes:
    group = group_hash(group_name)
    body = (
        _BEFORE.pack(_NOBODY, _NOBODY, 0, 0, 0, 0, 0, 0, _NOBODY, -1, _NOBODY, 0, 0, 0, 0, 0, 0, 1)
        + _REQUESTED.pack(0, 0, 0, group, 0, group, 0, 0, 0, _EXPIRES_SECONDS, 0, 0, 0, 0, kind)
        + what
        + struct.pack(">I", 0)
        # force_delivery = 0: set, the receiver would override the group's majority.
        + _AFTER.pack(0, 0, 0, 0, 0, 0, 0, 0, _EVENT_HORIZON, 0, 0)
    )
    return _HEADER.pack(_VERSION, len(body), _MESSAGE, _ASKING, 0) + body


def group_hash(name: str) -> int:
    return sum(0x811C9DC5 * byte for byte in name.encode()) & 0xFFFFFFFF


def reply_bytes(header: bytes) -> int | None:
    """How long the reply behind that header is; None if it is none, or longer than any reply."""
    if len(header) != HEADER_BYTES:
        return None
    version, length, kind, _, _ = _HEADER.unpack(header)
    return length if (version, kind) == (_VERSION, _MESSAGE) and length <= LONGEST_REPLY else None


def answer(body: bytes) -> Answer | None:
    """What the reply says; None if it is not a reply to a client, whole and nothing else."""
    if (reply := _reply(body)) is None or len(body) != _REPLY_BYTES:
        return None
    code = reply[1][_ANSWER]
    return Answer(code) if code in {known.value for known in Answer} else None


def addresses(body: bytes, group_name: str) -> tuple[str, ...] | None:
    """What the reply to `listing` lists; None if it is not such a reply, whole and nothing else, of that group."""
    if (reply := _reply(body)) is None or len(body) < _REPLY_BYTES + _LISTED.size:
        return None
    _, after = reply
    kind, _, preferred, count = _LISTED.unpack_from(body, _REPLY_BYTES)
    if not is_of_group(body, group_name) or after[_ANSWER] or after[_DATA] != 1 or kind or preferred:
        return None
    return _strings(body[_REPLY_BYTES + _LISTED.size :], count)


def is_of_group(body: bytes, group_name: str) -> bool:
    """Whether who replied to `listing` is in that group: a member of another one lists its own."""
    reply = _reply(body)
    return reply is not None and reply[0][_GROUP] == group_hash(group_name)


def _reply(body: bytes) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The fields before and after the place of a request, of a reply to a client."""
    if len(body) < _REPLY_BYTES:
        return None
    before, after = _BEFORE.unpack_from(body), _AFTER.unpack_from(body, _BEFORE.size)
    return (before, after) if before[_OP] == _CLIENT_REPLY and not before[_REQUEST] | before[_RECEIVERS] else None


def _strings(data: bytes, count: int) -> tuple[str, ...] | None:
    """So many XDR strings, and nothing else."""
    listed: list[str] = []
    while data and len(listed) < count:
        size = int.from_bytes(data[:4], "big")
        value = data[4 : 4 + size]
        if _opaque(value) != data[: len(_opaque(value))] or not value.isascii():
            return None
        listed.append(value.decode())
        data = data[len(_opaque(value)) :]
    return tuple(listed) if not data and len(listed) == count else None


def _opaque(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value + b"\0" * (-len(value) % 4)

"""A replica that is made the primary of a group of its own, as a user with root could, while its agent does not see the
API server, where it would read that this group does not count."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mysqlops.drill.plan import filters
from mysqlops.drill.reach import lab, nodes
from tests.cluster.conftest import Namespace, eventually
from tests.faults import ledger

_FORM = """
import sys; sys.path.insert(0, '/agent/agent.pyz')
from mysqlops.agent import member, pod, settings
own = member.Member(pod.Pod(settings.read()))
own.leave(); own.form(''); own.accept_clients()
"""


@dataclass(frozen=True)
class _Cut:
    """A member's pod on its node, and the API server's address there."""

    member: str
    uid: str
    node: str
    address: str

    def filter(self, own: lab.Lab, verb: str) -> None:
        lines = filters.Filter("mysqlops-test", [self.address]).lines(verb, 4)
        own.output(nodes.filter_in(own, self.node, self.uid, "iptables", lines))


_cut: list[_Cut] = []


def begin(on: Namespace) -> None:
    """The agent stands still meanwhile: it would clear the flag with which a group is formed."""
    own, member = nodes_of(on), on.replicas()[0]
    pod = json.loads(on.kubectl("get", "pod", member, "-o", "json"))
    address = on.kubectl("get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}")
    cut = _Cut(member, pod["metadata"]["uid"], pod["spec"]["nodeName"], address)
    _cut.append(cut)
    cut.filter(own, "-I")
    agent = nodes.agent(own, cut.node, cut.uid)
    own.output(nodes.send(own, cut.node, "-STOP", agent))
    try:
        on.kubectl("exec", member, "-c", "agent", "--", "python3", "-c", _FORM)
    finally:
        own.output(nodes.send(own, cut.node, "-CONT", agent))


def end(on: Namespace) -> None:
    """The agent reads the Lease again, and its member leaves that group. What it has from there keeps it out."""
    cut = _cut.pop()
    cut.filter(nodes_of(on), "-D")
    eventually(lambda: _is_kept_out(on, cut) or _is_back(on), f"{cut.member} leaves its own group", 180)
    if not _is_back(on):
        on.must("member", "rebuild", "mysql", cut.member, "--confirm", cut.member, "--accept-loss")
    on.await_healthy(seconds=240)


def _is_kept_out(on: Namespace, cut: _Cut) -> bool:
    found = next(one for one in on.status()["members"] if one["name"] == cut.member)
    return "member rebuild" in str(found["waiting_for"])


def _is_back(on: Namespace) -> bool:
    """As the group's own primary sees it: what the pods report may be from before the cut."""
    leads = next(one["name"] for one in on.status()["members"] if one["role"] == "primary")
    online = "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE member_state = 'ONLINE'"
    return bool(on.sql(leads, online) == [[3]])


def nodes_of(on: Namespace) -> lab.Lab:
    found = lab.find(ledger.session(on).client)
    assert found is not None, "this cluster is not the lab"
    return found

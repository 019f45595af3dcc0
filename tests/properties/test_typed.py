"""What others may write, the command line reads: whatever stands in an annotation, no verb breaks and nothing but
values of their kind comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops.core import binlog, group, names, ordered, publication, rollout, timeline, typed, view
from mysqlops.drill import model as drill
from mysqlops.planning import member, member_actions, restart
from tests.unit import clusters
from tests.unit.planning.test_membership import peer, plan, server

LINE = timeline.Timeline("data", "11111111-1111-1111-1111-111111111111", {"mysql-0": "a"})
NEW = timeline.Timeline("data-r20260101000000", "22222222-2222-2222-2222-222222222222")
SWAP = timeline.Swap(LINE, NEW, 3, "mysql-20260101-000000", to="latest")
NOW = datetime(2026, 1, 1, tzinfo=UTC)

READERS: Mapping[str, Callable[[str], Any]] = {
    "member": lambda text: publication.load(text, "uid"),
    "restoring": lambda text: timeline.swap_of({names.ANNOTATION_RESTORING: text}),
    "claims": lambda text: timeline.history_of({names.ANNOTATION_CLAIMS: text}),
    "stopped": lambda text: ordered.stopped({names.ANNOTATION_STOPPED: text}),
    "fenced": lambda text: ordered.fenced({names.ANNOTATION_FENCED: text}),
    "filling": lambda text: ordered.filling({names.ANNOTATION_FILLING: text}),
    "rotated": lambda text: ordered.rotation({names.ANNOTATION_ROTATED: text}),
    "group": lambda text: group.note_of({names.ANNOTATION_GROUP: text}),
    "given-up": lambda text: group.order_of({names.ANNOTATION_GIVEN_UP: text}, ""),
    "drill": lambda text: drill.record_of({names.ANNOTATION_DRILL: text}),
    "binlog": lambda text: binlog.report_of({names.ANNOTATION_BINLOG: text}),
    "rollout": lambda text: rollout.read({"metadata": {"annotations": {names.ANNOTATION_ROLLOUT: text}}}),
}
_TEXTS = {field.name for field in fields(publication.Publication) if field.type == "str"} - {"pod_uid"}
_STATES = (view.ONLINE, view.OFFLINE, view.ERROR)
# What each reader knows, so that generated values reach the fields.
KEYS = (
    "old new claims group members outcasts replicas backup to abandons now before at executed fenced since holders "
    "dropped name parent incarnation acquired joins joining after back fault by target facts node_pods until every "
    "pod_uid format beat agent_version why version_before version_after uid pods"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8) | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=40, deadline=None)
@given(told=JSON)
def test_no_annotation_breaks_its_reader(reader: str, told: Any) -> None:
    READERS[reader](json.dumps(told))
    READERS[reader](json.dumps(told)[1:])
    READERS[reader](json.dumps({"format": 1, "pod_uid": "uid", "at": told, "executed": told, "replicas": told}))


@settings(max_examples=40, deadline=None)
@given(told=JSON)
def test_no_note_of_a_killed_run_breaks_the_next(told: Any) -> None:
    restart.left(told, {"mysql-0": "a"}, NOW)
    restart.left({"pods": {"mysql-0": "a"}, "at": told}, {"mysql-0": "a"}, NOW)
    note = member.emptying({"mysql-0": told}, "mysql-0")
    assert note is None or all(isinstance(one, str) for one in note.as_json().values())


def _swap(**changed: Any) -> timeline.Swap | None:
    return timeline.swap_of({names.ANNOTATION_RESTORING: json.dumps({**asdict(SWAP), **changed})})


@pytest.mark.parametrize(
    "changed",
    [
        {"replicas": 10},
        {"replicas": -1},
        {"replicas": True},
        {"replicas": "3"},
        {"backup": "x; rm -rf /"},
        {"to": "$(id)"},
        {"new": {**asdict(NEW), "claims": "../../secrets/x"}},
        {"new": {**asdict(NEW), "claims": "other-data"}},
        {"new": {**asdict(NEW), "group": "x' or 1"}},
        {"old": {**asdict(LINE), "members": {"a/b": "c"}}},
        {"old": "data"},
    ],
)
def test_a_restore_goes_on_only_with_values_in_their_range(changed: dict[str, Any]) -> None:
    """The owner's command makes claims, starts members and prints a hint of them."""
    assert _swap() == SWAP
    assert _swap(**changed) is None


@pytest.mark.parametrize("changed", [{"replicas": 99}, {"executed": {"mysql-0": "x"}}, {"executed": []}, {"fenced": 1}])
def test_a_start_goes_on_only_with_values_in_their_range(changed: dict[str, Any]) -> None:
    good = {"replicas": 3, "executed": {"mysql-0": "", "mysql-1": f"{NEW.group}:1-5"}, "fenced": {}, "group": ""}
    assert ordered.stopped({names.ANNOTATION_STOPPED: json.dumps(good)}) == good
    assert ordered.stopped({names.ANNOTATION_STOPPED: json.dumps({**good, **changed})}) == {}


@pytest.mark.parametrize("changed", [{"node_pods": "../x"}, {"target": 1}, {"facts": []}])
def test_a_drills_record_with_other_values_is_of_an_unknown_drill(changed: dict[str, Any]) -> None:
    """Its namespace is one for privileged pods."""
    good = asdict(drill.Record("pod-kill", "", "me", node_pods="drills"))
    assert drill.record_of({names.ANNOTATION_DRILL: json.dumps(good)}) == drill.Record(**good)
    found = drill.record_of({names.ANNOTATION_DRILL: json.dumps({**good, **changed})})
    assert found is not None
    assert found.fault == "unknown"


def test_a_publication_with_a_field_of_another_type_counts_as_none() -> None:
    good = publication.Publication("uid", "2026-01-01T00:00:00Z", 1, "1", waiting_for="two\nlines")
    assert publication.load(publication.dump(good), "uid") == good
    for bad in ({"executed": 1}, {"beat": -1}, {"beat": "1"}, {"writable": 1}, {"volume_size": 1e300}):
        assert publication.load(json.dumps({"format": 1, **asdict(good), **bad}), "uid") is None


ODD = st.sampled_from(
    ["", "x", ",", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", f"{NEW.group}:1-" + "9" * 5000]
)


@settings(max_examples=60, deadline=None)
@given(
    odd=st.dictionaries(st.sampled_from(sorted(_TEXTS)), ODD, min_size=1, max_size=3), state=st.sampled_from(_STATES)
)
def test_no_members_annotation_stops_a_verb_or_the_other_agents(odd: dict[str, str], state: str) -> None:
    """What cannot be read is unknown, which is not empty: nobody forms a group without that member."""
    pods = [clusters.pod(f"mysql-{ordinal}", state=state, role="none") for ordinal in range(3)]
    annotations = pods[1]["metadata"]["annotations"]
    text = json.dumps({**json.loads(annotations[names.ANNOTATION_MEMBER]), **odd})
    annotations[names.ANNOTATION_MEMBER] = text
    clusters.judge(*pods)
    told = publication.load(text, "mysql-1")
    second = peer("mysql-2", f"{clusters.GROUP}:1-5", state)
    action = plan(server(f"{clusters.GROUP}:1-5"), view.Peer("mysql-1", True, told, True), second)
    assert told is not None or not isinstance(action, member_actions.FormGroup)


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert typed.visible("a\x1b[2Jb\u202ec\nd", kept="\n") == "a\\x1b[2Jb\\u202ec\nd"
    assert typed.visible("a\nb\u2028\x9b") == "a\\nb\\u2028\\x9b"
    assert typed.visible("größer → ✓ 数据") == "größer → ✓ 数据"
    assert not typed.is_plain("a\rb")
    assert typed.is_plain("größer → ✓")

"""The contract of lists and watches, as agents use them (agent/watching.py): what is shown, in which order, until when.

Leases are changed only by the cases: of a pod, the scheduler and kubelet may add changes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from mysqlops import errors
from mysqlops.core.typed import Json
from tests.simulation import manifests
from tests.simulation.backend import Backend

_GROUP, _SECONDS = "coordination.k8s.io/v1", 5.0
Seen = list[tuple[str, str]]


def _lease(name: str, of: str) -> Json:
    return manifests.lease(name, labels={"of": of})


def _watch(api: Backend, query: Mapping[str, str], *, seconds: float = _SECONDS) -> Iterator[Json]:
    """Without bookmarks."""
    events = api.agent().watch(_GROUP, "leases", query, seconds=seconds)
    return (one for one in events if one["type"] != "BOOKMARK")


def _named(events: Iterator[Json] | list[Json]) -> Seen:
    return [(one["type"], one["object"]["metadata"]["name"]) for one in events]


def _listed(api: Backend, of: str, *wanted: str) -> str:
    """The version of a list that shows these; the cache may be a moment behind."""
    versions: list[str] = []

    def shows() -> bool:
        found, version = api.agent().listed(_GROUP, "leases", f"of={of}")
        versions.append(version)
        return [one["metadata"]["name"] for one in found] == [*wanted]

    api.until(shows, f"a list shows {wanted}")
    return versions[-1]


def _change(api: Backend, name: str, change: Json) -> None:
    api.merge_patch("Lease", name, change)


def _take(api: Backend, name: str, holder: str) -> None:
    _change(api, name, {"spec": {"holderIdentity": holder}})


def a_watch_shows_in_order_what_came_after_the_list(api: Backend) -> None:
    api.create("Lease", _lease("first", "order"))
    version = _listed(api, "order", "first")
    _take(api, "first", "you")
    api.create("Lease", _lease("second", "order"))
    api.create("Lease", _lease("unseen", "other"))
    _take(api, "first", "you")  # changes nothing
    api.delete("Lease", "first")
    events = list(_watch(api, {"labelSelector": "of=order", "resourceVersion": version}))
    assert _named(events) == [("MODIFIED", "first"), ("ADDED", "second"), ("DELETED", "first")]
    versions = [int(version), *(int(one["object"]["metadata"]["resourceVersion"]) for one in events)]
    assert versions == sorted(set(versions)), "each event has a newer version, the deletion too"


def a_watch_goes_on_from_any_event(api: Backend) -> None:
    api.create("Lease", _lease("goes-on", "goes-on"))
    version = _listed(api, "goes-on", "goes-on")
    for holder in ("a", "b", "c"):
        _take(api, "goes-on", holder)
    query = {"labelSelector": "of=goes-on"}
    first = next(_watch(api, {**query, "resourceVersion": version}))["object"]["metadata"]["resourceVersion"]
    assert _named(_watch(api, {**query, "resourceVersion": first})) == [("MODIFIED", "goes-on")] * 2


def what_leaves_a_selector_is_shown_as_deleted_and_what_enters_it_as_added(api: Backend) -> None:
    api.create("Lease", _lease("moves", "selected"))
    api.create("Lease", _lease("stays-out", "elsewhere"))
    version = _listed(api, "selected", "moves")
    for of in ("elsewhere", "selected", "selected"):
        _change(api, "moves", {"metadata": {"labels": {"of": of}}, "spec": {"holderIdentity": of}})
    _take(api, "stays-out", "you")
    _take(api, "moves", "you")
    events = list(_watch(api, {"labelSelector": "of=selected", "resourceVersion": version}))
    assert _named(events) == [("DELETED", "moves"), ("ADDED", "moves"), ("MODIFIED", "moves")]
    assert {one["object"]["metadata"]["labels"]["of"] for one in events} == {"selected"}, "as it was when it was in"


def an_event_has_only_metadata(api: Backend) -> None:
    version = _listed(api, "bare")
    api.create("Lease", _lease("bare", "bare"))
    (event,) = _watch(api, {"labelSelector": "of=bare", "resourceVersion": version})
    assert event["object"]["kind"] == "PartialObjectMetadata"
    assert event["object"].keys() <= {"apiVersion", "kind", "metadata"}
    assert {"uid", "resourceVersion", "labels"} <= event["object"]["metadata"].keys()


def without_a_version_a_watch_first_shows_what_there_is(api: Backend) -> None:
    for name in ("there", "there-too", "not-there"):
        api.create("Lease", _lease(name, "elsewhere" if name == "not-there" else "there"))
    _listed(api, "there", "there", "there-too")
    events = _watch(api, {"labelSelector": "of=there"})
    assert sorted(_named([next(events), next(events)])) == [("ADDED", "there"), ("ADDED", "there-too")]
    _take(api, "there", "you")
    assert _named(events) == [("MODIFIED", "there")]


def a_watch_of_one_name_shows_its_next_incarnation(api: Backend) -> None:
    """How an agent watches the group's Lease."""
    first = api.create("Lease", _lease("one", "one"))["metadata"]
    api.create("Lease", _lease("other", "one"))
    _listed(api, "one", "one", "other")
    events = _watch(api, {"fieldSelector": "metadata.name=one"})
    shown = next(events)
    assert (shown["type"], shown["object"]["metadata"]["resourceVersion"]) == ("ADDED", first["resourceVersion"])
    api.delete("Lease", "one")
    _take(api, "other", "you")
    second = api.create("Lease", _lease("one", "one"))["metadata"]
    left = list(events)
    assert _named(left) == [("DELETED", "one"), ("ADDED", "one")]
    assert [one["object"]["metadata"]["uid"] for one in left] == [first["uid"], second["uid"]]


def a_watch_of_what_is_missing_shows_nothing(api: Backend) -> None:
    assert list(_watch(api, {"fieldSelector": "metadata.name=missing"})) == []


def a_version_that_is_no_longer_kept_ends_the_watch(api: Backend) -> None:
    with pytest.raises(errors.KubeError, match="too old") as ended:
        list(_watch(api, {"labelSelector": "of=old", "resourceVersion": api.old_version()}))
    assert not isinstance(ended.value, errors.NotFound | errors.Conflict | errors.Invalid | errors.Forbidden)


def a_watch_says_how_far_it_came_before_it_ends(api: Backend) -> None:
    """Its bookmark names no object."""
    api.create("Lease", _lease("marked", "marked"))
    version = _listed(api, "marked", "marked")
    query = {"labelSelector": "of=marked", "resourceVersion": version}
    events = list(api.agent().watch(_GROUP, "leases", query, seconds=2 * _SECONDS))
    assert [one["type"] for one in events] == ["BOOKMARK"] * len(events)
    assert events, "a bookmark"
    meta = events[-1]["object"]["metadata"]
    assert int(meta["resourceVersion"]) >= int(version)
    assert not meta.get("name")


def a_pod_that_is_deleted_is_shown_as_going_and_as_gone(api: Backend) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "leaving", "labels": {"of": "leaving"}}}
    api.create("Pod", {**pod, "spec": manifests.pod_spec(api.image)})
    api.until(lambda: bool(api.get("Pod", "leaving")["status"].get("podIP")), "it runs")
    _, version = api.agent().listed("v1", "pods", "of=leaving", cached=False)
    api.delete("Pod", "leaving")
    api.until(lambda: not api.list("Pod", "of=leaving"), "it is gone")
    query = {"labelSelector": "of=leaving", "resourceVersion": version}
    events = list(api.agent().watch("v1", "pods", query, seconds=_SECONDS))
    shown = [
        ("deletionTimestamp" in one["object"]["metadata"], one["type"]) for one in events if one["type"] != "BOOKMARK"
    ]
    assert (shown[0], shown[-1]) == ((True, "MODIFIED"), (True, "DELETED"))


CASES = [
    a_watch_shows_in_order_what_came_after_the_list,
    a_watch_goes_on_from_any_event,
    what_leaves_a_selector_is_shown_as_deleted_and_what_enters_it_as_added,
    an_event_has_only_metadata,
    without_a_version_a_watch_first_shows_what_there_is,
    a_watch_of_one_name_shows_its_next_incarnation,
    a_watch_of_what_is_missing_shows_nothing,
    a_version_that_is_no_longer_kept_ends_the_watch,
    a_watch_says_how_far_it_came_before_it_ends,
    a_pod_that_is_deleted_is_shown_as_going_and_as_gone,
]

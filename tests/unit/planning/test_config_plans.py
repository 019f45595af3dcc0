"""Settings and volumes: what differs, and what a change of it takes."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops.errors import Refused
from mysqlops.planning import settings, storage


# Settings
def test_a_change_of_my_cnf_is_named_variable_by_variable() -> None:
    before = "[mysqld]\nmax_connections = 60\nloose-group_replication_x = 1\nskip_name_resolve\n"
    after = "[mysqld]\nmax-connections = 80\nlong_query_time=1\nskip_name_resolve = ON\n"
    wanted = {"group_replication_x": None, "long_query_time": "1", "max_connections": "80"}
    assert settings.changes(before, after) == wanted
    assert settings.changes(before, before) == {}


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1G", "1073741824", True),
        ("ON", "1", True),
        ("ROW", "row", True),
        ("OFF", "1", False),
        ("64M", "64", False),
        (None, "", True),
    ],
)
def test_two_ways_to_write_a_value(left: str | None, right: str | None, same: bool) -> None:
    assert settings.is_same(left, right) is same


def test_what_the_role_decides_is_no_difference() -> None:
    assert settings.differs("max_connections", "70", "65")
    assert not settings.differs("max_connections", "70", "70")
    assert not settings.differs("super_read_only", "ON", "0")
    assert not settings.differs("offline_mode", "ON", "OFF")
    before, after = "[mysqld]\nlong_query_time = 1\n", "[mysqld]\nlong_query_time = 1\noffline_mode = ON\n"
    assert settings.changes(before, after) == {}  # of a newer release; nobody may set that on servers that run


# Volumes
def _claim(size: str, capacity: str | None = None, storage_class: str = "fast", **states: Any) -> dict[str, Any]:
    found = {"capacity": {"storage": capacity or size}, **states}
    spec = {"resources": {"requests": {"storage": size}}, "storageClassName": storage_class}
    return {"metadata": {"name": "data-mysql-0"}, "spec": spec, "status": found}


def test_volumes_only_grow_and_only_where_their_class_can() -> None:
    storage.check_larger("1Gi", [_claim("1Gi")], "1024Mi")
    with pytest.raises(Refused, match="volumes of 2Gi cannot shrink"):
        storage.check_larger("1Gi", [_claim("2Gi")], "1500Mi")
    storage.check_expandable([_claim("1Gi")], {"fast": True}, "2Gi")
    storage.check_expandable([_claim("1Gi")], {"fast": None}, "2Gi")
    with pytest.raises(Refused, match=r"data-mysql-0 \(fast\)"):
        storage.check_expandable([_claim("1Gi")], {"fast": False}, "2Gi")


def test_what_is_left_of_a_resize_is_what_is_shown() -> None:
    def shown(claim: dict[str, Any], template: str, *, by_rebuild: bool = False) -> list[str]:
        return [one.action for one in storage.steps("mysql", template, [claim], "2Gi", by_rebuild=by_rebuild)]

    assert shown(_claim("1Gi"), "1Gi") == ["grow", "replace"]
    assert shown(_claim("2Gi", "1Gi"), "1Gi") == ["grow", "replace"]
    assert shown(_claim("2Gi"), "1Gi") == ["replace"]
    assert shown(_claim("2048Mi", "2Gi"), "2Gi") == []
    assert shown(_claim("1Gi"), "1Gi", by_rebuild=True) == ["rebuild", "replace"]


def test_a_driver_that_cannot_is_heard() -> None:
    conditions = [{"message": "no space in the pool"}]
    states = {"storage": "ControllerResizeInfeasible"}
    claim = _claim("2Gi", "1Gi", allocatedResourceStatuses=states, conditions=conditions)
    assert "no space in the pool" in str(storage.infeasible_because(claim))
    assert storage.infeasible_because(_claim("1Gi")) is None


def test_a_stateful_set_made_anew_differs_in_its_claims_size_only() -> None:
    spec = {"replicas": 3, "template": {"x": 1}, "volumeClaimTemplates": [{**_claim("1Gi"), "status": {"phase": "x"}}]}
    metadata = {"name": "mysql", "namespace": "db", "labels": {"a": "b"}, "uid": "u", "resourceVersion": "7"}
    old = {"metadata": metadata, "spec": spec, "status": {"replicas": 3}}
    assert storage.template_differs(old, "2Gi")
    new = storage.with_size(old, "2Gi")
    assert not storage.template_differs(new, "2Gi")
    assert new["metadata"] == {"name": "mysql", "namespace": "db", "labels": {"a": "b"}}
    assert new["spec"]["template"] == {"x": 1}
    assert "status" not in new
    assert storage.size_of(old) == "1Gi"


@pytest.mark.parametrize(("name", "waits"), [("ssl_cipher", True), ("tls_version", True), ("sql_mode", False)])
def test_what_a_server_uses_later_is_not_proved_live(name: str, waits: bool) -> None:
    assert settings.waits_for_start(name) is waits

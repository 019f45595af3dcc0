"""What the agent reports to Prometheus, and that rules and pages name nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
import yaml

from mysqlops import errors
from mysqlops.agent import api, cluster_api, metrics, pod, settings
from mysqlops.clock import SystemClock
from mysqlops.core import histogram, measured, names, publication, view
from mysqlops.core import metrics as catalogue
from mysqlops.core.metrics import Sample
from mysqlops.mysql import statistics

_ROOT = Path(__file__).parents[3]
_RULES = _ROOT / "manifests" / "monitoring" / "rules.yaml"
_NAME = re.compile(r"\bmysqlops_[a-z_]+")
ME = settings.Settings("mysql", "shop", "mysql-0", "uid")
UUID = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
SEEN = publication.Publication(
    "uid",
    "2026-11-27T10:00:00Z",
    1,
    "1.0",
    server_uuid="a",
    server_version="9.7.4",
    state=view.ONLINE,
    role=names.ROLE_PRIMARY,
    writable=True,
    online=3,
    group="mysql-0,mysql-1,mysql-2",
    executed=f"{UUID}:1-5",
    received=f"{UUID}:1-9",
    volume_size=100,
    volume_used=40,
    certificate_until="2027-01-01T00:00:00+00:00",
)


class _Clock(SystemClock):
    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def _metrics(clock: _Clock, own: Any = None, client: Any = None) -> metrics.Metrics:
    own = own or Mock(me=ME, switchovers=lambda: (0, 0, 0), resident_bytes=lambda: 0)
    around = cluster_api.ClusterApi(cast("api.Api", None), ME, clock)
    return metrics.Metrics(cast("pod.Pod", own), around, cast("api.Api", client), clock)


def _values(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def _plain(samples: Any) -> dict[str, float]:
    return {f"{one.name}{sorted(one.labels.values())}" if one.labels else one.name: one.value for one in samples}


def test_every_metric_has_a_help_a_type_and_the_unit_that_its_name_ends_with() -> None:
    each = [Sample(name + ("_sum" if name in catalogue.HISTOGRAMS else ""), 1) for name in catalogue.HELP]
    text = catalogue.text(each, {"member": 'a"b'}, is_open=True)
    assert text.endswith("# EOF\n")
    for name, about in catalogue.HELP.items():
        family = f"mysqlops_{catalogue.base(name)}"
        assert f"# HELP {family} {about}\n" in text
        assert f"# TYPE {family} {catalogue.kind(name)}\n" in text
        sample = f"{name}_sum" if name in catalogue.HISTOGRAMS else name
        assert f'mysqlops_{sample}{{member="a\\"b"}} 1\n' in text
        assert len(about) < 100
        assert re.fullmatch(r"[a-z][a-z_]+[a-z]", name)
    for family, unit in re.findall(r"^# UNIT (\S+) (\S+)$", text, re.MULTILINE):
        assert family.endswith(f"_{unit}")
    plain = catalogue.text([Sample("queries_total", 1)], {}, is_open=False)
    assert "# TYPE mysqlops_queries_total counter\n" in plain
    assert "# EOF" not in plain


def test_what_is_unknown_is_left_out_and_is_no_zero() -> None:
    text = _metrics(_Clock()).text(is_open=False)
    assert not any("member_" in line or "volume_" in line for line in _values(text) if "promot" not in line)
    down = publication.Publication("uid", "", 1, "1.0", state=view.DOWN)
    found = _plain(measured.of_publication(down))
    for name in (
        "group_online_members",
        "volume_size_bytes",
        "certificate_expiry_timestamp_seconds",
        "member_writable",
    ):
        assert name not in found
    assert found["member_state['DOWN']"] == 1
    assert found["member_online"] == 0
    assert list(measured.of_orders(None, "mysql-0")) == []


def test_a_member_that_serves_is_described() -> None:
    found = _plain(measured.of_publication(SEEN))
    assert (found["member_online"], found["member_primary"], found["group_online_members"]) == (1, 1, 3)
    assert (found["gtid_gap_transactions"], found["group_members"]) == (4, 3)
    assert found["certificate_expiry_timestamp_seconds"] == 1798761600
    assert set(name.partition("[")[0] for name in found) <= set(catalogue.HELP)


def test_a_server_does_not_choose_how_many_series_there_are_nor_their_names() -> None:
    answers: dict[str, list[tuple[Any, ...]]] = {
        statistics._COUNTED: [("questions", "7"), *((f"made_up_{one}", "1") for one in range(10_000))] * 2,
        statistics._GROUP: [(1,) * 8] * 10_000,
        statistics._ERRORS: [(f"ER_{one}", 1) for one in range(10_000)]
        + [(number, 2) for number in range(10_000)]
        + [(1213, 2)],
    }
    found = statistics.read(cast("Any", Mock(query=answers.__getitem__)))
    errors_seen = {one.labels["error"]: one.value for one in found if one.name == "errors_total"}
    assert len(errors_seen) == 8
    assert (errors_seen["ER_LOCK_DEADLOCK"], errors_seen["other"]) == (4, 10_000 + 2 * 9_993)
    assert [one.value for one in found if one.name == "queries_total"] == [7]
    assert len(found) == 1 + 8 + 8


def test_a_server_that_counts_no_errors_by_name_reports_how_many_statements_and_connections_failed() -> None:
    """As every member below 2Gi: performance_schema_error_size is 0 there."""
    counted = [
        ("statement_errors", "3"),
        ("statement_warnings", None),
        ("connection_errors_internal", "1"),
        ("connection_errors_accept", "0"),
    ]
    answers: dict[str, list[tuple[Any, ...]]] = {
        statistics._COUNTED: counted,
        statistics._GROUP: [],
        statistics._ERRORS: [],
    }
    found = _plain(statistics.read(cast("Any", Mock(query=answers.__getitem__))))
    kinds = {"connection_errors_total['internal']": 1, "connection_errors_total['accept']": 0}
    assert found == {"statement_errors_total": 3, **kinds}


@pytest.mark.parametrize(
    ("answered", "reported"),
    [
        ("9.7.4-0ubuntu0.24~1", "9.7.4-0ubuntu0.24~1"),
        ("9.7.4" + "x" * 5000, "9.7.4" + "x" * 55),
        ('9.7.4"}\n', "9.7.4"),
        ("a secret", ""),
    ],
)
def test_the_version_of_a_server_is_a_version(answered: str, reported: str) -> None:
    (info,) = [
        one for one in measured.of_publication(replace(SEEN, server_version=answered)) if one.name == "agent_info"
    ]
    assert info.labels["server_version"] == reported


def test_a_scrape_is_limited_whatever_answers() -> None:
    own = yaml.safe_load((_RULES.parent / "scrape.yaml").read_text())[0]
    spec = yaml.safe_load((_RULES.parent / "podmonitor.yaml").read_text())["spec"]
    assert (own["sample_limit"], own["label_value_length_limit"]) == (3000, 300)
    assert (spec["sampleLimit"], spec["labelValueLengthLimit"]) == (3000, 300)


def test_promotions_and_views_are_counted_from_the_first_sight_on() -> None:
    clock = _Clock()
    found = _metrics(clock)
    found.turned(replace(SEEN, role=names.ROLE_REPLICA, view_id="1:1"))
    found.turned(replace(SEEN, view_id="1:2"))
    found.turned(replace(SEEN, view_id="1:2"))
    values = _values(found.text(is_open=False))
    labels = '{mysql_cluster="mysql",member="mysql-0"}'
    assert values[f"mysqlops_promotions_total{labels}"] == "1"
    assert values[f"mysqlops_view_changes_total{labels}"] == "1"
    assert f"mysqlops_promotion_last_timestamp_seconds{labels}" in values
    assert f"mysqlops_switchover_last_duration_seconds{labels}" not in values


def test_a_volume_that_grows_has_a_time_when_it_is_full() -> None:
    clock = _Clock()
    found = _metrics(clock)
    found.turned(replace(SEEN, volume_used=40))
    clock.seconds += 1800
    found.turned(replace(SEEN, volume_used=50))
    assert "volume_time_to_full" not in found.text(is_open=False)  # too early to say
    clock.seconds += 1800
    found.turned(replace(SEEN, volume_used=60))
    assert "volume_time_to_full_seconds{" in found.text(is_open=False)
    assert '"mysql-0"} 7200\n' in found.text(is_open=False)  # 20 in an hour, 40 are free


def test_orders_and_a_rotation_are_read_from_the_lease() -> None:
    notes = {
        names.ANNOTATION_FENCED: '{"mysql-0": "slow disk"}',
        names.ANNOTATION_REBUILDING: '{"mysql-1": {"server": "new"}}',
        names.ANNOTATION_FILLING: '{"mysql-2": "b"}',
        names.ANNOTATION_ROTATED: '{"since": "x"}',
    }
    found = _plain(measured.of_orders(notes, "mysql-0"))
    assert found["order_open['filling']"] == found["member_fenced"] == found["rotation_open"] == 1
    assert found["order_open['rebuilding']"] == 0, "it was obeyed"
    assert found["order_open['stopped']"] == 0
    notes[names.ANNOTATION_REBUILDING] = '{"mysql-1": {"before": "old"}}'
    assert _plain(measured.of_orders(notes, "mysql-1"))["order_open['rebuilding']"] == 1


def test_backups_and_rollouts_are_read_from_objects_that_may_hold_anything() -> None:
    made = {"creationTimestamp": "2026-11-01T00:00:00Z"}
    job: dict[str, Any] = {"metadata": {**made, "annotations": {names.ANNOTATION_SCHEDULE: '{"max_age": 90000}'}}}
    found = _plain(measured.of_schedule(job, "backup"))
    assert found == {
        "backup_schedule_timestamp_seconds['backup']": 1793491200,
        "backup_max_age_seconds['backup']": 90000,
    }
    job["status"] = {"lastSuccessfulTime": "2026-11-02T00:00:00Z"}
    assert _plain(measured.of_schedule(job, "verify"))["backup_last_success_timestamp_seconds['verify']"] == 1793577600
    job["metadata"]["annotations"] = {names.ANNOTATION_SCHEDULE: "[1"}
    assert "backup_max_age_seconds['backup']" not in _plain(measured.of_schedule(job, "backup"))
    assert list(measured.of_receiver({"metadata": {"annotations": {names.ANNOTATION_BINLOG: "{}"}}})) == []
    report = '{"at": "x", "until": "2026-11-02T00:00:00Z", "target": "t", "every": 15, "gap": "some"}'
    lease = {"metadata": {"annotations": {names.ANNOTATION_BINLOG: report}}}
    assert _plain(measured.of_receiver(lease)) == {
        "binlog_shipped_until_timestamp_seconds": 1793577600,
        "binlog_receiver_failing": 0,
        "binlog_gap": 1,
    }
    statuses = [
        {"name": "mysqld", "restartCount": 2, "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
    ]
    assert [one.name for one in measured.of_containers(statuses)] == [
        "container_restarts_total",
        "container_last_exit_info",
    ]


def test_an_election_lasts_until_the_member_accepts_writes() -> None:
    clock, replica = _Clock(), replace(SEEN, role=names.ROLE_REPLICA, writable=False)
    found = _metrics(clock)

    def turn(seconds: float, seen: publication.Publication) -> None:
        clock.seconds += seconds
        found.turned(seen)

    turn(1, SEEN)  # it was the primary when the agent started
    turn(1, replica)
    turn(3, replace(SEEN, writable=False))
    turn(4, SEEN)
    turn(1, replica)
    turn(1, replace(SEEN, writable=False))
    turn(1, replica)  # another one was elected before it accepted anything
    values = _values(found.text(is_open=False))
    labels = 'mysql_cluster="mysql",member="mysql-0"'
    name = "mysqlops_promotion_duration_seconds"
    assert (values[f"{name}_count{{{labels}}}"], values[f"{name}_sum{{{labels}}}"]) == ("1", "7")
    assert values[f'{name}_bucket{{{labels},le="5.0"}}'] == "0"
    assert values[f'{name}_bucket{{{labels},le="10.0"}}'] == "1"
    assert values[f'{name}_bucket{{{labels},le="+Inf"}}'] == "1"
    assert f"# TYPE {name} histogram\n# UNIT {name} seconds\n" in found.text(is_open=True)


def test_what_the_api_server_refuses_is_left_out_and_the_rest_is_read() -> None:
    """The Role of an older release does not permit CronJobs."""
    client, clock = Mock(), _Clock()

    def get(group: str, kind: str, name: str) -> dict[str, Any]:
        if kind == "statefulsets":
            return {"metadata": {}, "spec": {"replicas": 3}}
        raise errors.Forbidden(name)

    client.get.side_effect = get
    found = _metrics(clock, client=client)
    found.turned(SEEN)
    found._read_cluster()
    assert "mysqlops_cluster_replicas{" in found.text(is_open=False)
    assert client.get.call_count == 4
    found._read_cluster()
    assert client.get.call_count == 4, "once a minute"
    assert 'agent_metrics_requests_total{mysql_cluster="mysql",member="mysql-0"} 4' in found.text(is_open=False)
    clock.seconds += 200
    assert "cluster_replicas" not in found.text(is_open=False), "nobody knows whether that is still so"


def test_a_server_that_does_not_answer_is_asked_with_a_new_connection_later() -> None:
    own = Mock(me=ME, switchovers=lambda: (0, 0, 0), resident_bytes=lambda: 1)
    broken = Mock()
    broken.query.side_effect = errors.ConnectFailed("gone")
    own.server.return_value = broken
    found = _metrics(_Clock(), own)
    found._read_server()
    found._read_server()
    assert own.server.call_count == 2
    assert broken.close.call_count == 2
    assert "connections" not in found.text(is_open=False)


def test_a_switchover_is_counted_where_only_the_agent_writes_and_a_full_disk_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CREDENTIALS", tmp_path)
    monkeypatch.setattr(settings, "RUN", tmp_path / "shared")
    own = pod.Pod(ME)
    assert own.switchovers() == (0, 0, 0)
    own.note_switchover(0.25, 1793577600.5)
    own.note_switchover(0.5, 1793577601)
    assert own.switchovers() == (2, 0.5, 1793577601)
    times = _plain(pod.Pod(ME).switchover_times().samples("s"))
    assert (times["s_bucket['0.1']"], times["s_bucket['0.25']"], times["s_bucket['0.5']"]) == (0, 1, 2)
    assert (times["s_bucket['+Inf']"], times["s_sum"], times["s_count"]) == (2, 0.75, 2)
    for text in ("1 2", "x", "-1 " * 9 + "1", "1 " * 9 + "nan"):
        assert _plain(histogram.load(text).samples("s"))["s_count"] == 0
    for text in ("1 2", "nan 1 1", "x y z", "9" * 1000):
        (tmp_path / "switchovers").write_text(text)
        assert own.switchovers() == (0, 0, 0)
    monkeypatch.setattr(own, "_counted", tmp_path / "gone" / "switchovers")
    own.note_switchover(0.5, 1793577601)
    assert own.switchovers() == (0, 0, 0)


def _rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(_RULES.read_text())["groups"][0]["rules"]
    return found


def test_rules_and_dashboard_name_only_metrics_that_the_agent_exports() -> None:
    known = {f"mysqlops_{name}" for name in catalogue.HELP}
    for file in _RULES.parent.iterdir():
        assert set(_NAME.findall(file.read_text())) <= known, file
    assert {name for rule in _rules() for name in _NAME.findall(rule["expr"])}


def test_the_dashboard_fits_its_grid_and_every_panel_asks_something() -> None:
    board = json.loads((_RULES.parent / "dashboard.json").read_text())
    panels = board["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    taken = set[tuple[int, int]]()
    for one in panels:
        place = one["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, one["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        if one["type"] != "row":
            assert all(_NAME.search(target["expr"]) for target in one["targets"]), one["title"]
    variables = {one["name"] for one in board["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(board))) == variables


def test_every_alert_has_a_severity_a_summary_and_a_runbook() -> None:
    for rule in _rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"]["summary"]
        page = _ROOT / rule["annotations"]["runbook"]
        assert page.parent == _ROOT / "docs" / "runbooks"
        assert page.is_file(), rule["alert"]
        assert rule["alert"] in page.read_text(), f"{page.name} does not name {rule['alert']}"


def test_every_comparison_of_two_metrics_keeps_the_cluster_apart() -> None:
    """Two clusters may share a namespace, and `on` drops every label that it does not name."""
    for rule in _rules():
        for labels in re.findall(r"\b(?:on|by) \(([^)]*)\)", rule["expr"]):
            assert {"namespace", "mysql_cluster"} <= set(labels.split(", ")), rule["alert"]


def test_every_alert_is_seen_firing_with_promtool() -> None:
    firing = set[str]()
    for case in yaml.safe_load((_RULES.parent / "rules.test.yaml").read_text())["tests"]:
        firing |= {one["alertname"] for one in case.get("alert_rule_test", ()) if one["exp_alerts"]}
        for one in case.get("promql_expr_test", ()):
            firing |= set(re.findall(r'alertname="(\w+)"', str(one["exp_samples"])))
    assert {rule["alert"] for rule in _rules()} == firing


def test_every_metric_is_on_its_page() -> None:
    page = (_ROOT / "docs" / "reference" / "metrics.md").read_text()
    listed = set(re.findall(r"^\| `mysqlops_(\w+)` \|", page, re.MULTILINE))
    assert listed == set(catalogue.HELP)


def test_the_agent_counts_what_it_asks_of_the_api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr(api.Api, "sent", Counter())
    client = api.Api("db", tmp_path)
    answer = Mock(status=200, read=lambda: b'{"items": []}')
    client._connection = Mock(getresponse=lambda: answer)
    for _ in range(2):
        client.list("v1", "pods", "a=b")
    client.patch("v1", "pods", "mysql-0", {})
    found = _plain(_metrics(_Clock())._of_agent())
    assert (found["agent_api_requests_total['GET']"], found["agent_api_requests_total['PATCH']"]) == (2, 1)

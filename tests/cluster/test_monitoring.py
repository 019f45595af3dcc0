"""The real Prometheus scrapes a real cluster with the rules and the scrape configuration that we ship, and a real
Alertmanager gets its alerts. Which alert follows which condition: test_alerts.py."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from mysqlops.cli.drill.all import all as drill_all
from mysqlops.core import metrics, quantity
from mysqlops.drill.faults import FAULTS
from tests.cluster import prometheus
from tests.cluster.conftest import SMALL, Namespace, eventually

pytestmark = pytest.mark.long
# Commands by exec run in the agent's container and count for its limit: four at once, of 18 MB each, have been seen
# (statefulset.yaml). What an idle agent should need is a goal, which docs/measurements/figures.md compares with.
_COMMANDS_BYTES = 4 * (18 << 20)


@pytest.fixture(scope="module")
def watched(namespace: Namespace) -> Namespace:
    """A cluster, and a Prometheus that watches it."""
    namespace.must("deploy", "mysql", *SMALL)
    prometheus.watch(namespace, lasting="30s")
    return namespace


def _agent_limit(namespace: Namespace) -> int:
    limits = '{.spec.containers[?(@.name=="agent")].resources.limits.memory}'
    limit = namespace.kubectl("get", "pod", "mysql-0", "-o", f"jsonpath={limits}")
    return quantity.parse_bytes(limit)


def test_the_rules_are_valid_and_their_tests_pass(watched: Namespace) -> None:
    for name in ("rules.yaml", "rules.test.yaml"):
        prometheus.shell(watched, f"cat > /data/{name}", stdin=(prometheus.FOLDER / name).read_text())
    assert "SUCCESS" in prometheus.shell(watched, "cd /data; promtool test rules rules.test.yaml")
    assert "SUCCESS" in prometheus.shell(watched, "promtool check config /etc/prometheus/prometheus.yml")


def test_a_healthy_cluster_is_scraped_and_silent(watched: Namespace) -> None:
    ask = prometheus.ask
    eventually(lambda: len(ask(watched, "mysqlops_connections")) == 3, "three members are scraped", 120)
    eventually(lambda: bool(ask(watched, "mysqlops_cluster_replicas == 3")), "the StatefulSet was read", 90)
    assert len(ask(watched, "up == 1")) == 3
    found = {one["metric"]["__name__"] for one in ask(watched, '{__name__=~"mysqlops_.*"}')}
    assert {metrics.family(name.removeprefix(metrics.PREFIX)) for name in found} <= set(metrics.HELP)
    assert len(found) > 60, sorted(found)
    memory = [float(one["value"][1]) for one in ask(watched, "mysqlops_agent_memory_bytes")]
    assert len(memory) == 3
    assert max(memory) <= _agent_limit(watched) - _COMMANDS_BYTES, memory
    assert ask(watched, "ALERTS") == []
    assert prometheus.received(watched) == {}


def test_no_alert_fires_for_as_many_calm_rounds_as_drill_all_has_rounds(watched: Namespace, tmp_path: Path) -> None:
    """Under the same clients' writes, and with nothing broken."""
    (rounds,) = [str(one.default) for one in drill_all.params if one.name == "count"]
    count = str(int(rounds) * sum(fault.about.in_all for fault in FAULTS.values()))
    words = ("drill", "calm", "mysql", "--count", count, "--force", "a test of alerts", "--confirm", "mysql")
    began = time.monotonic()
    report = watched.must(*words, "--report", str(tmp_path), "-o", "json")
    seconds = round(time.monotonic() - began)
    print(f"{count} calm rounds in {seconds} s, {report['totals']}")
    assert len(report["rounds"]) == int(count)
    assert prometheus.ask(watched, f'count_over_time(ALERTS{{alertstate="firing"}}[{seconds}s])') == []
    assert prometheus.received(watched) == {}


def test_every_query_of_the_dashboard_is_answered(watched: Namespace) -> None:
    board = json.loads((prometheus.FOLDER / "dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    given = [query.replace("$namespace", watched.name).replace("$cluster", "mysql") for query in asked]
    each = f'while read -r query; do promtool query instant -o json {prometheus.URL} "$query"; done'
    rate = "rate(mysqlops_queries_total[5m])"
    eventually(lambda: bool(prometheus.ask(watched, rate)), "there are two scrapes", 90)
    answers = prometheus.shell(watched, each, stdin="\n".join([*given, ""])).splitlines()
    assert len(answers) == len(asked)
    empty = [query for query, answer in zip(asked, answers, strict=True) if not json.loads(answer)]
    # Nothing is backed up or cloned, or fills up here, and errors have names from 2Gi on.
    usual = re.compile(r"backup|binlog|clone|time_to_full|mysqlops_errors_total")
    assert [query for query in empty if not usual.search(query)] == []


def test_a_switchover_is_counted_by_how_long_it_took(watched: Namespace) -> None:
    """By the member that was the primary, and the promotion by the one that is."""
    before = watched.status()["primary"]
    watched.must("switchover", "mysql")
    now = watched.status()["primary"]
    counted = [_counted(watched, *one) for one in (("switchover", before), ("promotion", now), ("label_move", ".*"))]
    print(counted)
    assert all(0 < seconds <= 30 for seconds in counted)


def _counted(watched: Namespace, what: str, member: str) -> float:
    """The median of a histogram that the member has counted something in."""
    name = f"mysqlops_{what}_duration_seconds"
    count = f'{name}_count{{member=~"{member}"}} > 0'
    eventually(lambda: bool(prometheus.ask(watched, count)), f"{name} was counted", 60)
    (found,) = prometheus.ask(watched, f"histogram_quantile(0.5, sum by (le) ({name}_bucket))")
    return float(found["value"][1])


def test_a_text_of_an_agent_is_valid_and_holds_no_secret(watched: Namespace) -> None:
    program = "import urllib.request as u; print(u.urlopen('http://localhost:8306/metrics').read().decode(), end='')"
    text = watched.kubectl("exec", "mysql-0", "-c", "agent", "--", "python3", "-c", program)
    # 3: the text parses, and promtool would choose other names. A text that does not parse is 1.
    prometheus.shell(watched, "promtool check metrics || [ $? -eq 3 ]", stdin=text)
    lines = watched.secret_lines()
    assert len(lines) > 10
    assert [line for line in lines if line in text] == []


def test_a_killed_member_makes_one_alert_that_ends_when_it_is_back(watched: Namespace) -> None:
    """A quota keeps the StatefulSet from replacing the pod at once."""
    victim = watched.replicas()[0]
    watched.kubectl("create", "quota", "none", "--hard=pods=0")
    watched.kubectl("delete", "pod", victim, "--grace-period=0", "--force", "--wait=false")
    eventually(lambda: "MysqlMemberMissing" in prometheus.firing(watched), "the alert fires", 180)
    assert prometheus.firing(watched) == {"MysqlMemberMissing"}
    eventually(lambda: "MysqlMemberMissing" in prometheus.received(watched), "Alertmanager has it", 30)
    watched.kubectl("delete", "quota", "none")
    eventually(lambda: prometheus.firing(watched) == set(), "the alert ends", 240)
    eventually(lambda: prometheus.received(watched) == {}, "Alertmanager has none", 30)

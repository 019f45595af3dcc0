"""Each alert is seen firing on a cluster, by a real Prometheus."""

from __future__ import annotations

from tests.cluster import alerts, prometheus


def test_each_alert_has_a_test_that_makes_its_condition_happen() -> None:
    made = [alert for one in (*alerts.OF_MEMBERS, *alerts.OF_THE_CLUSTER) for alert in one.alerts]
    found = [*made, alerts.BESIDE_A_HEALTHY_CLUSTER]
    assert sorted(found) == sorted(rule["alert"] for rule in prometheus.rules())


def test_the_lab_changes_nothing_but_times_in_the_rules() -> None:
    """Otherwise other rules than ours would be seen firing."""
    ours, shown = (prometheus.FOLDER / "rules.yaml").read_text(), prometheus.shortened("10s")
    for before, after in zip(ours.splitlines(), shown.splitlines(), strict=True):
        if before != after:
            assert before.strip().startswith("for: ") or "increase(" in before, before
    assert shown.count("for: 10s") == ours.count("for: ")

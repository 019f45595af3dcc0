"""Each condition that we alert on is made to happen on a real cluster: the alert reaches a real Alertmanager with its
runbook's page, and ends with its condition."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.cluster import alerts, prometheus
from tests.cluster.conftest import SMALL, Namespace, eventually

pytestmark = pytest.mark.long
_ROOT = prometheus.FOLDER.parents[1]


@pytest.fixture(scope="module")
def watched(namespace: Namespace) -> Namespace:
    """A cluster, and a Prometheus that watches it."""
    namespace.must("deploy", "mysql", *SMALL)
    prometheus.watch(namespace, lasting="10s")
    eventually(lambda: len(prometheus.ask(namespace, "mysqlops_connections")) == 3, "three members are scraped", 120)
    return namespace


@pytest.fixture(scope="module")
def stored(watched: Namespace) -> Namespace:
    """The same, with a backup and its binary logs."""
    watched.claim("backups")
    watched.must("backup", "target", "add", "local", "--claim", "backups")
    watched.must("backup", "create", "mysql", "--target", "local")
    watched.must("backup", "binlog", "start", "mysql", "--target", "local", "--every", "5s")
    return watched


def _each(conditions: Sequence[alerts.Condition]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("condition", conditions, ids=lambda one: "-".join(one.alerts))


@_each(alerts.OF_MEMBERS)
def test_what_happens_to_members_reaches_alertmanager(watched: Namespace, condition: alerts.Condition) -> None:
    _fires_and_ends(watched, condition)


@_each(alerts.OF_THE_CLUSTER)
def test_what_happens_to_the_cluster_reaches_alertmanager(stored: Namespace, condition: alerts.Condition) -> None:
    _fires_and_ends(stored, condition)


def _fires_and_ends(watched: Namespace, condition: alerts.Condition) -> None:
    """It is silent before, Alertmanager gets it with its runbook's page, and it ends with its condition."""
    pages = {rule["alert"]: rule["annotations"]["runbook"] for rule in prometheus.rules()}
    missing = dict.fromkeys(condition.alerts)
    eventually(lambda: not prometheus.received(watched).keys() & missing.keys(), "none of them is known before", 120)
    condition.begin(watched)

    def arrived() -> bool:
        """Each by itself: those of one condition need not fire at once."""
        for alert, page in prometheus.received(watched).items():
            if missing.pop(alert, "") is None:
                assert page == pages[alert]
                assert (_ROOT / page).is_file()
        return not missing

    eventually(arrived, f"{', '.join(condition.alerts)} at Alertmanager", 240)
    condition.end(watched)
    eventually(lambda: not prometheus.received(watched).keys() & {*condition.alerts}, "the alerts end", 240)

"""Each condition that we alert on is made to happen on a real cluster: the alert reaches a real Alertmanager with its
runbook's page, and ends with its condition."""

from __future__ import annotations

import pytest

from tests.cluster import alerts, prometheus
from tests.cluster.conftest import SMALL, Namespace, eventually

pytestmark = pytest.mark.long
_ROOT = prometheus.FOLDER.parents[1]


@pytest.fixture(scope="module")
def watched(namespace: Namespace) -> Namespace:
    """A cluster that is backed up, and a Prometheus that watches it."""
    namespace.claim("backups")
    namespace.must("deploy", "mysql", *SMALL)
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    namespace.must("backup", "binlog", "start", "mysql", "--target", "local", "--every", "5s")
    prometheus.watch(namespace, lasting="10s")
    eventually(lambda: len(prometheus.ask(namespace, "mysqlops_connections")) == 3, "three members are scraped", 120)
    return namespace


@pytest.mark.parametrize(
    "condition", [*alerts.OF_THE_CLUSTER, *alerts.OF_MEMBERS], ids=lambda one: "-".join(one.alerts)
)
def test_a_condition_reaches_alertmanager_with_its_runbook_and_ends(
    watched: Namespace, condition: alerts.Condition
) -> None:
    pages = {rule["alert"]: rule["annotations"]["runbook"] for rule in prometheus.rules()}
    missing = dict.fromkeys(condition.alerts)
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

"""From each of several images to each other (MYSQLOPS_TEST_IMAGES): what core/series.py allows works under writes and
keeps every row; what it forbids is refused by name. With one image there is nothing to do."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops.core import image, series, version
from tests import images
from tests.cluster import data, wrapped
from tests.cluster.conftest import SMALL, Namespace
from tests.database import containers
from tests.faults.ledger import Ledger

_CHOSEN = images.chosen()
_STEPS = images.steps(_CHOSEN)
pytestmark = pytest.mark.skipif(not _STEPS, reason=f"one image has no steps: {images.VARIABLE}=A,B,C")
_THREE = ["mysql-0", "mysql-1", "mysql-2"]


@pytest.fixture(scope="module")
def versions(request: pytest.FixtureRequest) -> dict[str, version.ServerVersion]:
    """What each image says it is."""
    containers.must_answer(request.config)
    wrapped.load_into_the_lab(_CHOSEN)
    return {one: containers.version_of(one) for one in _CHOSEN}


@pytest.mark.parametrize(("before", "after"), _STEPS)
def test_a_step_is_made_under_writes_or_refused(
    namespace: Namespace, versions: dict[str, version.ServerVersion], before: str, after: str
) -> None:
    if series.unsupported_because(versions[before]):
        deployed = namespace.mysqlops("deploy", "mysql", *SMALL, "--image", before)
        assert (deployed.code, "unsupported-version" in deployed.err) == (3, True), deployed.err
        return
    seen = _running(namespace, before)
    rows = data.seen(namespace, seen["primary"])
    why_not = _refused_because(seen, versions[after])
    if why_not:
        refused = namespace.mysqlops("upgrade", "mysql", "--image", after)
        assert (refused.code, why_not in refused.err) == (3, True), refused.err
        return
    upgrade = ("upgrade", "mysql", "--image", after)
    outcome = Ledger(namespace).under_writes(lambda: namespace.must(*upgrade), _THREE, clients=2)
    assert outcome.is_clean(), outcome
    seen = namespace.await_healthy()
    assert image.is_same(after, seen["image"])
    assert data.seen(namespace, seen["primary"]) == rows


def _running(namespace: Namespace, wanted: str) -> dict[str, Any]:
    """A healthy cluster of that image with data: what the step before left if it is one, otherwise a new one."""
    there = namespace.mysqlops("status", "mysql", "-o", "json")
    if there.code == 0 and image.is_same(wanted, there.json()["image"]):
        return there.json()  # type: ignore[no-any-return]
    namespace.mysqlops("delete", "mysql", "--yes", "--purge-data", "--confirm", "mysql")
    namespace.must("deploy", "mysql", *SMALL, "--image", wanted)
    seen = namespace.await_healthy()
    data.seed(namespace, seen["primary"])
    return seen


def _refused_because(seen: dict[str, object], after: version.ServerVersion) -> str | None:
    """By what the members say that runs: an image of scripts/imitate runs the server that it wraps."""
    members = seen["members"]
    assert isinstance(members, list)
    if why := series.unsupported_because(after):
        return why
    running = {version.ServerVersion.parse(one["version"]) for one in members}
    return next((why for one in running if (why := series.upgrade_refused_because(one, after))), None)

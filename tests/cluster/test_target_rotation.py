"""The password of a repository, with restic: rotated twice at once, and by runs that are killed."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.conftest import Namespace, eventually, killed


@pytest.fixture(scope="module")
def target(namespace: Namespace) -> Namespace:
    """A namespace with a target and no cluster."""
    namespace.claim("backups")
    namespace.must("backup", "target", "add", "local", "--claim", "backups")
    return namespace


def _secret(target: Namespace) -> dict[str, str]:
    data = json.loads(target.kubectl("get", "secret", "backup-target-local", "-o", "json"))["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def _keys(target: Namespace) -> int:
    return len(target.in_pod("backups", "ls /volume/keys").split())


def test_of_two_rotations_at_once_none_loses_the_password(target: Namespace) -> None:
    before = _secret(target)["password"]
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(target.mysqlops, "backup", "target", "rotate", "local") for _ in range(2)]
    done = [one.result() for one in running]
    assert {one.code for one in done} <= {0, 3, 4}, [one.err for one in done]
    assert 0 in {one.code for one in done}, [one.err for one in done]
    target.must("backup", "target", "check", "local")
    now = _secret(target)
    assert now.keys() == {"repository", "password"}
    assert (now["password"] != before, _keys(target)) == (True, 1)
    assert target.objects("leases") == []


@pytest.mark.long
@pytest.mark.parametrize("moment", ["new-password", "old-password"])
def test_a_rotation_that_is_killed_is_finished_by_the_next(target: Namespace, moment: str) -> None:
    killed(target, lambda: moment in _secret(target), "backup", "target", "rotate", "local")
    target.must("backup", "target", "check", "local")

    def rotated() -> bool:
        """Refused while the killed run's Job is still at work."""
        done = target.mysqlops("backup", "target", "rotate", "local")
        assert done.code in (0, 3), done.err
        return done.code == 0

    eventually(rotated, "the next run to rotate", 240)
    target.must("backup", "target", "check", "local")
    assert (set(_secret(target)), _keys(target)) == ({"repository", "password"}, 1)

"""References to images, and what container runtimes report of the images that they run."""

from __future__ import annotations

import pytest

from mysqlops.core import image
from mysqlops.core.spec import ClusterSpec
from mysqlops.objects import running

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("wanted", "reported"),
    [
        ("mysql:9.7", "docker.io/library/mysql@"),  # containerd
        ("mysql", "docker.io/library/mysql@"),
        ("mysql:9.7", "docker-pullable://mysql@"),  # Docker
        ("docker.io/library/mysql:9.7", "mysql@"),
        ("index.docker.io/library/mysql:9.7", "docker.io/library/mysql@"),
        ("percona/percona-server:8.4", "docker.io/percona/percona-server@"),
        ("registry.example:5000/db/mysql:9.7", "registry.example:5000/db/mysql@"),
        ("localhost/mysql:9.7", "localhost/mysql@"),  # CRI-O
    ],
)
def test_a_reported_digest_pins_the_tag(wanted: str, reported: str) -> None:
    assert image.pinned(wanted, f"{reported}{DIGEST}") == f"{wanted}@{DIGEST}"


@pytest.mark.parametrize(
    "reported",
    [
        "",
        DIGEST,  # loaded into the node: the ID of its configuration, which no registry knows
        f"docker://{DIGEST}",
        f"registry.example/mysql@{DIGEST}",  # the same content by another name
        f"docker.io/mysql@{DIGEST}x",
        "docker.io/library/mysql@sha256:1234",
        "docker.io/library/mysql:9.7",
    ],
)
def test_what_cannot_be_pulled_by_digest_is_not_pinned(reported: str) -> None:
    assert image.pinned("mysql:9.7", reported) is None


def test_a_pinned_reference_stays_and_is_shown_short() -> None:
    pinned = f"mysql:9.7@{DIGEST}"
    assert image.pinned(pinned, f"docker.io/library/mysql@sha256:{'b' * 64}") == pinned
    assert (image.shown(pinned), image.shown("mysql:9.7")) == ("mysql:9.7@sha256:aaaaaaaaaaaa", "mysql:9.7")


@pytest.mark.parametrize(
    ("given", "differs"),
    [("mysql:9.7", False), (f"mysql:9.7@{DIGEST}", False), ("mysql:8.4", True), (f"mysql:9.7@sha256:{'b' * 64}", True)],
)
def test_deploy_run_again_with_the_tag_is_no_change(given: str, differs: bool) -> None:
    runs = ClusterSpec(name="orders", namespace="shop", image=f"mysql:9.7@{DIGEST}")
    wanted = ClusterSpec(name="orders", namespace="shop", image=given)
    assert bool(running.differences(wanted, runs)) == differs

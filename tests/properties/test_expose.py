"""Names of Services and of clusters, of the words that both are made of."""

from __future__ import annotations

import functools

from hypothesis import example, given
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.core import names
from mysqlops.kube import manifests
from mysqlops.objects import exposed, render
from tests.unit.operations.test_expose import _request

_PARTS = ("shop", "primary", "replicas", "jobs", "clients", "outside", "app")


@given(
    cluster=st.lists(st.sampled_from(_PARTS), min_size=1, max_size=3).map("-".join),
    end=st.sampled_from(["", *(f"-{part}" for part in _PARTS)]),
    cut=st.sampled_from(["", *(f"-{part}" for part in _PARTS)]),
)
@example(cluster="shop-clients", end="", cut="-clients")
def test_no_object_of_expose_has_the_name_of_one_that_deploy_renders(cluster: str, end: str, cut: str) -> None:
    request = _request(service=cluster.removesuffix(cut) + end)
    try:
        request.check(names.check_cluster_name(cluster))
    except errors.ConfigError:
        return
    made = (exposed.service(cluster, "db", request), exposed.policy(cluster, "db", request))
    assert not {(one["kind"], one["metadata"]["name"]) for one in made} & _rendered(cluster)


def _rendered(cluster: str) -> set[tuple[str, str]]:
    """The base is rendered once: names are all that matters here."""
    return {(kind, render.rename(name, cluster)) for kind, name in _base()}


@functools.cache
def _base() -> frozenset[tuple[str, str]]:
    return frozenset((one["kind"], one["metadata"]["name"]) for one in manifests.load_base())

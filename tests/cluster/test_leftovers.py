"""What a killed run left goes with the next one."""

from __future__ import annotations

import subprocess

from tests.cluster import leftovers
from tests.cluster.conftest import Namespace


def test_a_namespace_of_an_ended_process_is_deleted_and_that_of_a_living_one_stays(namespace: Namespace) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as living:
        owner = leftovers.labels(living.pid)
        left = f"{namespace.name}-left"
        namespace.kubectl("create", "namespace", left)
        namespace.kubectl("label", "namespace", left, *(f"{key}={value}" for key, value in owner.items()))
        sweep = leftovers.sweep.__wrapped__
        sweep(namespace.kubeconfig)
        assert left in namespace.kubectl("get", "namespaces")
    sweep(namespace.kubeconfig)
    assert left not in namespace.kubectl("get", "namespaces")
    assert namespace.name in namespace.kubectl("get", "namespaces")

"""The GitOps way of docs/how-to/deploy.md: objects applied with kubectl, changed by verbs, applied again."""

from __future__ import annotations

import pytest

from tests.cluster.conftest import SMALL, Namespace

pytestmark = pytest.mark.long
APPLY = ("apply", "--server-side", "--field-manager=mysqlops", "-f", "-")


def rendered(namespace: Namespace, *options: str) -> str:
    done = namespace.mysqlops("render", "mysql", "-n", namespace.name, "--replicas", "1", *SMALL, *options)
    assert done.code == 0, done.err
    return done.out


def test_verbs_change_what_kubectl_applied(namespace: Namespace) -> None:
    namespace.kubectl(*APPLY, stdin=rendered(namespace))
    namespace.await_healthy(seconds=300)
    namespace.must("config", "set", "mysql", "long_query_time=3")
    namespace.must("upgrade", "mysql", "--cpu", "120m")
    namespace.await_healthy()


def test_what_is_rendered_with_the_new_options_applies_again(namespace: Namespace) -> None:
    pods = {pod["metadata"]["uid"] for pod in namespace.objects("pods")}
    namespace.kubectl(*APPLY, stdin=rendered(namespace, "--cpu", "120m"))
    assert namespace.mysqlops("status", "mysql").code == 0
    assert {pod["metadata"]["uid"] for pod in namespace.objects("pods")} == pods

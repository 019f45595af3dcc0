"""What an image prints when it is tried is the image's own word."""

from __future__ import annotations

from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import pod_patch
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.operations import deploy, image_check, trial_pod
from mysqlops.operations.session import Progress, Session
from tests.unit.fakes.api import Clock
from tests.unit.fakes.cluster import NAME


class Printed:
    """The client of a cluster in which the tried Python printed this."""

    def __init__(self, text: str) -> None:
        self._text = text

    def logs(self, *_: str) -> str:
        return self._text

    def find(self, *_: str) -> None:
        return None


def _judged(text: str) -> list[str]:
    client: Any = Printed(text)
    return [reason.code for reason in image_check._judge_python(client, ClusterSpec(NAME, "db"), "pod", 0)]


@pytest.mark.parametrize(
    "text",
    ["python x y", "python", "python 3", "python 3 10 /usr/bin/openssl", "python ² 11", "", "hello 3 13", "9" * 5000],
)
def test_an_image_that_prints_something_else_has_no_python(text: str) -> None:
    assert _judged(text) == ["not-python"]


def test_an_image_says_which_python_and_whether_it_has_openssl() -> None:
    assert _judged("python 3 13 /usr/bin/openssl") == []
    assert _judged("python 3 11") == ["no-openssl"]
    assert _judged("python 4 0 /bin/openssl") == []


class Strict:
    """An API server that does not know a field of the pods of one role."""

    def __init__(self) -> None:
        self.seen: list[Json] = []

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        assert (kind, dry_run) == ("Pod", True)
        self.seen.append(manifest)
        if any("securityContext" not in one for one in manifest["spec"]["containers"]):
            raise errors.Forbidden('POST /pods: 403 pods is forbidden: violates PodSecurity "restricted:latest"')
        if any("kee" in one for one in manifest["spec"].get("tolerations", [])):
            raise errors.Invalid('POST /pods: 400 strict decoding error: unknown field "spec.tolerations[0].kee"')
        return manifest


def test_a_patch_is_shown_to_the_api_server_for_each_role_before_anything_changes() -> None:
    """The API server drops a field that it does not know, and the first pod of that role may be made in a month."""
    client: Any = Strict()
    session = Session(client, Clock(), Progress(print, print, print), 60.0)
    patch = {"metadata": {"labels": {"team": "shop"}}, "roles": {"jobs": {"spec": {"tolerations": [{"kee": "a"}]}}}}
    bad = ClusterSpec(NAME, "db", pod=pod_patch.canonical(patch))
    tried = image_check.check(session, bad, deploy.objects(bad))
    assert [reason.code for reason in tried.reasons] == ["bad-pod"]
    assert "spec.tolerations[0].kee" in tried.reasons[0].message
    assert "the pods of jobs" in str(tried.reasons[0].hint)
    good = ClusterSpec(NAME, "db", pod=pod_patch.canonical({"metadata": {"labels": {"team": "shop"}}}))
    client.seen.clear()
    assert list(trial_pod.refused_patches(client, good, deploy.objects(good))) == []
    assert len(client.seen) == len(pod_patch.ROLES)
    assert all(one["metadata"]["labels"]["team"] == "shop" for one in client.seen)
    assert list(trial_pod.refused_patches(client, ClusterSpec(NAME, "db"), [])) == []


def test_a_sidecar_that_the_namespace_forbids_is_refused_before_a_member_is_replaced() -> None:
    client: Any = Strict()
    patch = {"roles": {"members": {"spec": {"containers": [{"name": "shipper", "image": "shipper:1"}]}}}}
    spec = ClusterSpec(NAME, "db", pod=pod_patch.canonical(patch))
    (reason,) = trial_pod.refused_patches(client, spec, deploy.objects(spec))
    assert (reason.code, "violates PodSecurity" in reason.message) == ("bad-pod", True)
    assert "the pods of members" in str(reason.hint)


def test_what_the_namespace_would_refuse_without_the_patch_too_is_not_the_patchs_fault() -> None:
    class Full:
        def create(self, *_: object, **__: object) -> Json:
            raise errors.Forbidden("POST /pods: 403 exceeded quota: small")

    client: Any = Full()
    spec = ClusterSpec(NAME, "db", pod=pod_patch.canonical({"metadata": {"labels": {"team": "shop"}}}))
    assert list(trial_pod.refused_patches(client, spec, deploy.objects(spec))) == []

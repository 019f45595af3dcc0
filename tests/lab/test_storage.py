"""The lab's storage: a limit that bites, a snapshot, a claim restored from it, a clone."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

_SIZE = "300Mi"


def _kubectl(*words: str, stdin: str | None = None, check: bool = True) -> str:
    config = f"--kubeconfig={os.environ['MYSQLOPS_KUBECONFIG']}"
    done = subprocess.run(
        ["kubectl", config, *words], input=stdin or "", capture_output=True, text=True, check=False, timeout=120
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"storage-{uuid.uuid4().hex[:8]}"
    _kubectl("create", "namespace", name)
    yield name
    _kubectl("delete", "namespace", name, "--wait=false")


def _create(namespace: str, name: str, source: dict[str, str] | None = None) -> None:
    """A claim and a pod that holds it."""
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": _SIZE}}}
    if source:
        spec["dataSource"] = source
    container = {
        "name": "shell",
        "image": "lab/shell:1",
        "command": ["sleep", "3600"],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    }
    pod = {
        "containers": [container],
        "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": name}}],
    }
    for kind, body in (("PersistentVolumeClaim", spec), ("Pod", pod)):
        whole = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": body}
        _kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(whole))
    _kubectl("-n", namespace, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=110s")


def _shell(namespace: str, pod: str, script: str) -> str:
    return _kubectl("-n", namespace, "exec", pod, "--", "sh", "-c", script)


def test_limit_snapshot_restore_and_clone(namespace: str) -> None:
    _create(namespace, "origin")
    _shell(namespace, "origin", "echo kept >/v/file; sync")
    snapshot = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "first"},
        "spec": {"source": {"persistentVolumeClaimName": "origin"}},
    }
    _kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(snapshot))
    _kubectl(
        "-n", namespace, "wait", "--for=jsonpath={.status.readyToUse}=true", "volumesnapshot/first", "--timeout=110s"
    )
    _shell(namespace, "origin", "echo changed >/v/file; sync")
    source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "first"}
    _create(namespace, "restored", source)
    assert _shell(namespace, "restored", "cat /v/file") == "kept\n"
    _create(namespace, "cloned", {"kind": "PersistentVolumeClaim", "name": "origin"})
    assert _shell(namespace, "cloned", "cat /v/file") == "changed\n"
    full = _shell(namespace, "origin", "dd if=/dev/zero of=/v/fill bs=1M count=320 2>&1; stat -c %s /v/fill")
    assert "No space left on device" in full
    assert int(full.split()[-1]) < 300 << 20
    _shell(namespace, "cloned", "dd if=/dev/zero of=/v/more bs=1M count=10")


def test_a_full_volume_grows_while_it_is_mounted(namespace: str) -> None:
    _create(namespace, "small")
    _shell(namespace, "small", "dd if=/dev/zero of=/v/fill bs=1M count=320 2>/dev/null || true")
    larger = {"spec": {"resources": {"requests": {"storage": "400Mi"}}}}
    _kubectl("-n", namespace, "patch", "pvc", "small", "-p", json.dumps(larger))
    _kubectl("-n", namespace, "wait", "--for=jsonpath={.status.capacity.storage}=400Mi", "pvc/small", "--timeout=110s")
    _shell(namespace, "small", "dd if=/dev/zero of=/v/more bs=1M count=80")

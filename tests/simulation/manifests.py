"""Small objects for the contract's cases; each case names its own, so that all share a namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mysqlops.core.typed import Json

NEVER = {"exec": {"command": ["false"]}}
_LOCKED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_USER = {"runAsNonRoot": True, "runAsUser": 999, "fsGroup": 999, "seccompProfile": {"type": "RuntimeDefault"}}


def config_map(name: str, data: Json | None = None, **meta: Any) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}, "data": data or {"a": "1"}}


def lease(name: str, holder: str = "me", **meta: Any) -> Json:
    metadata = {"name": name, **meta}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {"holderIdentity": holder},
    }


def claim(name: str, **more: Any) -> Json:
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": _claim_spec() | more}


def storage_class(name: str, *, is_default: bool, grows: bool) -> Json:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true" if is_default else "false"}
    found: Json = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "simulated"}
    found |= {"allowVolumeExpansion": grows, "volumeBindingMode": "WaitForFirstConsumer"}
    return {**found, "metadata": {"name": name, "annotations": annotations}}


def _claim_spec() -> Json:
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}


def pod_spec(image: str, *, is_ready: bool = True) -> Json:
    container: Json = {"name": "main", "image": image, "securityContext": _LOCKED}
    container |= {} if is_ready else {"readinessProbe": NEVER}
    return {
        "automountServiceAccountToken": False,
        "containers": [{**container, "command": ["sleep", "3600"]}],
        "securityContext": _USER,
        "terminationGracePeriodSeconds": 1,
    }


def pod_with_claim(name: str, image: str, claim_name: str) -> Json:
    spec = pod_spec(image)
    spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def stateful_set(
    name: str,
    image: str,
    *,
    replicas: int,
    claims: bool = False,
    is_ready: bool = True,
    **more: Any,
) -> Json:
    spec = pod_spec(image, is_ready=is_ready)
    if claims:
        spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    claim_template = {"metadata": {"name": "data", "labels": {"of": name}}, "spec": _claim_spec()}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "serviceName": name,
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            "volumeClaimTemplates": [claim_template] if claims else [],
            **more,
        },
    }


def job(name: str, image: str, command: list[str], **more: Any) -> Json:
    spec = {**pod_spec(image), "restartPolicy": "Never"}
    spec["containers"][0]["command"] = command
    template = {"metadata": {"labels": {"of": name}}, "spec": spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, **more},
    }


def service(name: str, selector: Json) -> Json:
    spec = {"selector": selector, "ports": [{"name": "sql", "port": 3306}], "clusterIP": "None"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def of_mysqlops(name: str) -> Json:
    """The StatefulSet that mysqlops deploys, without members."""
    text = (Path(__file__).parents[2] / "manifests" / "base" / "statefulset.yaml").read_text()
    found: Json = yaml.safe_load(text)
    found["metadata"]["name"] = name
    found["spec"]["replicas"] = 0
    return found

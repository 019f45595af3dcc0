"""The pod that tries images and settings, and whether the API server takes what the user adds to pods."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mysqlops import errors
from mysqlops.core import names, pod_patch, setting_secrets
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.errors import Reason
from mysqlops.kube import manifests
from mysqlops.kube.client import Client
from mysqlops.objects import pod_template, pods

MYSQLD, PYTHON, EXPORTER = "mysqld", "python", names.CONTAINER_EXPORTER
_RUN_PYTHON = "import sys, ssl, json, shutil; print('python', *sys.version_info[:2], shutil.which('openssl') or '')"


def pod(spec: ClusterSpec, objects: Sequence[Json]) -> Json:
    """A pod under the same rules as a member's: whatever rejects it would reject a member too."""
    made = unfinished(spec, objects)
    pod_template.finish(made, spec, pod_patch.IMAGE_CHECK)
    return made


def unfinished(spec: ClusterSpec, objects: Sequence[Json]) -> Json:
    """The same, without what the user adds to every pod."""
    template = next(item for item in objects if item["kind"] == "StatefulSet")["spec"]["template"]["spec"]
    config = next(item for item in objects if item["kind"] == "ConfigMap" and "my.cnf" in item.get("data", {}))
    locked = copy.deepcopy(template["containers"][0]["securityContext"])
    tmp = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 (a path inside the pod)
    mysqld: Json = {
        "name": MYSQLD,
        "image": spec.image,
        "command": ["sh", "-c", manifests.read_text("image-check/probe.sh")],
        "env": pods.environment({"MY_CNF": _tried(config["data"]["my.cnf"])}),
        "resources": copy.deepcopy(template["containers"][1]["resources"]) | {"limits": {"memory": spec.memory}},
        "securityContext": locked,
        "volumeMounts": tmp,
    }
    python: Json = {
        "name": PYTHON,
        "image": spec.agent_image,
        "command": ["python3", "-c", _RUN_PYTHON],
        "resources": copy.deepcopy(template["containers"][1]["resources"]),
        "securityContext": copy.deepcopy(locked),
    }
    exporter = {key: copy.deepcopy(python[key]) for key in ("resources", "securityContext")}
    exporter |= {"name": EXPORTER, "image": spec.exporter_image, "args": ["--version"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{spec.name}-image-check",
            "namespace": spec.namespace,
            "labels": {names.LABEL_MANAGED_BY: names.APP_NAME, "app.kubernetes.io/component": "image-check"},
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": 600,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": copy.deepcopy(template["securityContext"]),
            "containers": [mysqld, python, *([exporter] if spec.exporter_image else [])],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def _tried(my_cnf: str) -> str:
    """datadir must exist for the check, and this pod does not mount a member's. Whoever may read pods reads this too:
    the trial does without the values of secrets."""
    return setting_secrets.without_values(my_cnf).replace("/var/lib/mysql/data", "/tmp")  # noqa: S108 (in the pod)


def refused_patches(client: Client, spec: ClusterSpec, objects: Sequence[Json]) -> Iterator[Reason]:
    """Why the API server takes no pod of a role: the first Job may run in a month, and a field that the server does not
    know it drops without a word. What it would refuse without the patch too is not the patch's fault."""
    plain = replace(spec, pod="")
    for role in pod_patch.ROLES if spec.pod else ():
        why = _refusal(client, spec, objects, role)
        if why and not _refusal(client, plain, objects, role):
            hint = f"correct it: it is wrong for the pods of {role}"
            yield Reason("bad-pod", f"--pod-patch: the API server refuses it: {why[:400]}", hint)
            return


def _refusal(client: Client, spec: ClusterSpec, objects: Sequence[Json], role: str) -> str:
    made = unfinished(spec, objects)
    made["metadata"]["name"] = f"{spec.name}-pod-patch"
    pod_template.finish(made, spec, role)
    try:
        client.create("Pod", made, dry_run=True)
    except (errors.Forbidden, errors.Invalid) as error:
        return str(error)
    return ""

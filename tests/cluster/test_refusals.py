"""Wrong input on a real cluster: a clear error, the documented exit status, and nothing created."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cluster.conftest import SMALL, Namespace

CASES = [
    (["--storage-class", "nope"], 3, "--storage-class nope: no such StorageClass"),
    (["--image", os.environ.get("MYSQLOPS_AGENT_IMAGE", "python:3.13-slim")], 3, "does not contain MySQL"),
    (["--image", "registry.invalid/mysql:1"], 3, "image-cannot-start"),
    (["--context", "nope"], 2, "--context nope: the kubeconfig has no such context"),
    (["--namespace", "does-not-exist"], 3, "namespace does-not-exist does not exist"),
    (["--replicas", "4"], 2, "--replicas 4: an even group"),
    (["--memory", "1"], 2, "--memory 0Mi"),
    (["--timeout", "soon"], 2, "'soon' is not a duration"),
]


@pytest.mark.parametrize(("options", "code", "text"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_wrong_input(namespace: Namespace, options: list[str], code: int, text: str) -> None:
    done = namespace.mysqlops("deploy", "mysql", *SMALL, *options)
    assert done.code == code, done.err
    assert text in done.err
    assert "Traceback" not in done.err
    assert namespace.objects("statefulsets,services,secrets,pvc") == []


def test_a_setting_that_the_server_refuses(namespace: Namespace, tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[mysqld]\nno_such_variable = 1\n")
    done = namespace.mysqlops("deploy", "mysql", *SMALL, "--config", str(file))
    assert done.code == 3, done.err
    assert "no_such_variable" in done.err
    assert namespace.objects("statefulsets,secrets") == []


def test_missing_rights_are_named(namespace: Namespace, tmp_path: Path) -> None:
    namespace.kubectl("create", "serviceaccount", "nobody")
    token = namespace.kubectl("create", "token", "nobody").strip()
    config = namespace.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
    import json

    parsed = json.loads(config)
    parsed["users"] = [{"name": parsed["users"][0]["name"], "user": {"token": token}}]
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(parsed))
    done = namespace.mysqlops("deploy", "mysql", *SMALL, MYSQLOPS_KUBECONFIG=str(file))
    assert done.code == 3, done.err
    assert "you may not get, list, create, patch, delete secrets" in done.err
    assert token not in done.err


def test_no_api_server(namespace: Namespace, tmp_path: Path) -> None:
    import json

    parsed = json.loads(namespace.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    parsed["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(parsed))
    done = namespace.mysqlops("status", "mysql", MYSQLOPS_KUBECONFIG=str(file))
    assert done.code == 10
    assert "does not answer" in done.err


def test_the_examples_are_valid_for_the_api_server(namespace: Namespace) -> None:
    examples = Path(__file__).parents[2] / "manifests" / "examples"
    for file in sorted(examples.glob("*.yaml")):
        namespace.kubectl("apply", "--dry-run=server", "-f", str(file))


def test_the_base_is_valid_for_kubectl_alone(namespace: Namespace) -> None:
    from mysqlops.operations import bundle

    base = Path(__file__).parents[2] / "manifests" / "base"
    (base / "agent").mkdir(exist_ok=True)
    (base / "agent" / "agent.pyz").write_bytes(bundle.build().content)
    namespace.kubectl("apply", "--dry-run=server", "-k", str(base))

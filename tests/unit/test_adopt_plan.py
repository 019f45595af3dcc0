"""Adoption: the Job that copies, and what is told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mysqlops.core.spec import ClusterSpec
from mysqlops.kube import manifests
from mysqlops.planning import adopt


def _job(**changed: Any) -> dict[str, Any]:
    spec = ClusterSpec(name="orders", namespace="shop", image="mysql:8.4")
    request = adopt.Request(adopt.Source("old", 3306, "root", "old-secret", "PW"), **changed)
    return adopt.job(manifests.load_one("adopt/job.yaml"), spec, "orders-agent-x", request, seconds=60)


def test_the_job_of_a_copy_has_the_clusters_images_and_no_password_but_in_files() -> None:
    job = _job(databases=["a"])
    pod = job["spec"]["template"]["spec"]
    images = [one["image"] for one in (*pod["initContainers"], *pod["containers"])]
    assert images == ["python:3.13-slim", "mysql:8.4", "python:3.13-slim"]
    assert job["metadata"]["name"] == "orders-adopt"
    environment = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert environment["TARGET_HOST"] == "orders-primary.shop.svc"
    assert not any("PASSWORD" in key for key in environment)
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["source"]["secret"]["items"] == [{"key": "PW", "path": "password"}]
    assert volumes["agent"]["configMap"]["name"] == "orders-agent-x"
    assert volumes["work"]["emptyDir"]["medium"] == "Memory"
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"]


def test_a_job_of_a_killed_run_is_taken_only_if_it_does_the_same() -> None:
    assert adopt.is_same(_job(), _job())
    assert not adopt.is_same(_job(), _job(finish=True))
    assert not adopt.is_same(_job(), _job(databases=["a"]))


def test_the_report_of_a_copy_names_what_differs() -> None:
    tables = [
        {"name": "a.t", "rows": 3, "copied": 3, "equal": True},
        {"name": "a.u", "rows": 2, "copied": 1, "equal": False},
        {"name": "a view v", "rows": 0, "copied": -1, "equal": False},
    ]
    log = "verify\n" + json.dumps({"databases": ["a"], "tables": tables, "accounts_refused": ["x@%: no"]})
    report = adopt.read_report(log)
    assert report == adopt.Report(["a"], 2, 4, ["a.u (2 rows, 1 copied)", "a view v (0 rows, -1 copied)"], ["x@%: no"])
    assert adopt.read_report("nothing") is None


@pytest.mark.parametrize(("step", "told"), [("copy", "copying"), ("verify", "comparing every row"), ("x", "x")])
def test_what_a_copy_does_now_is_told(step: str, told: str) -> None:
    assert adopt.progress(step, "") == told

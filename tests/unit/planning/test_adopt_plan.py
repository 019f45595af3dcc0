"""Adoption: the Job that copies, its input, and its report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from mysqlops.agent.jobs import option_files
from mysqlops.core import adoption
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import Refused
from mysqlops.kube import manifests
from mysqlops.objects import adopt

SPEC = ClusterSpec(name="orders", namespace="shop", image="mysql:8.4")
SOURCE = adopt.Source(
    "old", 3306, "root", adopt.Key("old-secret", "PW"), adoption.VERIFY_CA, adopt.Key("old-ca", "ca.pem")
)


def _job(source: adopt.Source = SOURCE, **changed: Any) -> dict[str, Any]:
    request = adopt.Request(source, **changed)
    return adopt.job(manifests.load_one("adopt/job.yaml"), SPEC, "orders-agent-x", request, seconds=60)


def _containers(job: dict[str, Any]) -> list[dict[str, Any]]:
    pod = job["spec"]["template"]["spec"]
    return [*pod["initContainers"], *pod["containers"]]


def _volumes(job: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in job["spec"]["template"]["spec"]["volumes"]}


def test_the_job_of_a_copy_has_the_clusters_images_and_no_password_but_in_files() -> None:
    job = _job(databases=["a"])
    assert [one["image"] for one in _containers(job)] == ["python:3.13-slim", "mysql:8.4", "python:3.13-slim"]
    assert job["metadata"]["name"] == "orders-adopt"
    environment = {one["name"]: one.get("value") for one in _containers(job)[-1]["env"]}
    assert environment["TARGET_HOST"] == "orders-primary.shop.svc"
    assert not any("PASSWORD" in key for key in environment)
    volumes = _volumes(job)
    assert volumes["source"]["secret"]["items"] == [{"key": "PW", "path": "password"}]
    assert volumes["source-ca"]["secret"] == {"secretName": "old-ca", "items": [{"key": "ca.pem", "path": "ca.crt"}]}
    assert volumes["agent"]["configMap"]["name"] == "orders-agent-x"
    assert volumes["work"]["emptyDir"]["medium"] == "Memory"
    for container in _containers(job):
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert {one["name"] for one in container["volumeMounts"]} == set(volumes)


def test_the_clients_of_a_copy_have_the_memory_of_a_member() -> None:
    """mysqldump and mysql take more than 256 MiB for one row of 40 MB, and less than 512."""
    job = adopt.job(
        manifests.load_one("adopt/job.yaml"), replace(SPEC, memory="3Gi"), "x", adopt.Request(SOURCE), seconds=60
    )
    limits = [one["resources"]["limits"]["memory"] for one in _containers(job)]
    assert limits == ["256Mi", "3Gi", "256Mi"]


def test_a_source_that_nothing_verifies_is_refused_unless_that_is_asked_for() -> None:
    trusting = adopt.Source("old", 3306, "root", SOURCE.password, adoption.REQUIRED)
    assert adopt.unfit(SOURCE) == adopt.unfit(trusting) == []
    for mode, ca in ((adoption.VERIFY_IDENTITY, None), (adoption.VERIFY_CA, None), (adoption.DISABLED, SOURCE.ca)):
        (reason,) = adopt.unfit(adopt.Source("old", 3306, "root", SOURCE.password, mode, ca))
        assert reason.code == "source-unverified"
    volumes = _volumes(_job(trusting))
    assert "source-ca" not in volumes
    assert {one["name"] for one in _containers(_job(trusting))[0]["volumeMounts"]} == set(volumes)


def test_a_program_that_failed_ends_the_job_and_a_lost_pod_is_followed_by_one_that_undoes() -> None:
    job = _job(finish=True)
    spec = job["spec"]
    assert spec["backoffLimit"] == 1
    assert spec["template"]["spec"]["activeDeadlineSeconds"] < spec["activeDeadlineSeconds"]
    rules = [one["onExitCodes"] for one in spec["podFailurePolicy"]["rules"]]
    # The copy is no program of ours: whatever ends it, nothing is undone yet.
    assert [one["containerName"] for one in rules] == ["prepare", "conclude"]
    assert all(max(one["values"]) < 128 for one in rules)
    request = adopt.Request(SOURCE)
    back = adopt.release(manifests.load_one("adopt/job.yaml"), SPEC, "orders-agent-x", request, seconds=60)
    assert "podFailurePolicy" not in back["spec"]
    assert [one["command"][-1] for one in _containers(back)] == ["adopt-give-back"]


def test_names_reach_programs_as_arguments_after_the_options_and_no_variable_of_the_pod() -> None:
    environment = {one["name"]: one.get("value") for one in _containers(_job(databases=["$(SOURCE_USER)"]))[0]["env"]}
    assert environment["DATABASES"] == '["$$(SOURCE_USER)"]'
    script = _containers(_job())[1]["command"][-1]
    assert re.search(r'--databases -- "\$@"', script)
    assert "--binary-mode" in script


@pytest.mark.parametrize("value", ["a\nb", "tab\t", "\x1b[2J"])
def test_an_option_file_takes_no_control_characters(value: str) -> None:
    with pytest.raises(Refused, match="user of the source: control characters"):
        option_files.group("client", [("host", "old"), ("user", value)])
    assert option_files.group("client", [("user", 'a"b\\c')]) == '[client]\nuser="a\\"b\\\\c"\n'


def test_a_job_of_a_killed_run_is_taken_only_if_it_does_the_same() -> None:
    assert adopt.is_same(_job(), _job())
    assert not adopt.is_same(_job(), _job(finish=True))
    assert not adopt.is_same(_job(), _job(databases=["a"]))
    assert not adopt.is_same(_job(), _job(accounts=["dba"]))
    assert not adopt.is_same(_job(), _job(replace(SOURCE, ca=adopt.Key("other", "ca.crt"))))
    assert not adopt.is_same(_job(), _job(replace(SOURCE, password=adopt.Key("other", "password"))))
    assert (adopt.finishes(_job()), adopt.finishes(_job(finish=True))) == (False, True)


def test_the_command_that_gives_the_source_its_writes_back_is_whole() -> None:
    assert adopt.abort_command("orders", "shop", SOURCE) == (
        "mysqlops adopt orders --namespace shop --from old:3306 --user root --password-secret old-secret:PW "
        "--ssl-mode verify-ca --ca old-ca:ca.pem --abort"
    )


def test_the_report_of_a_copy_names_what_differs() -> None:
    tables = [
        {"name": "a.t", "rows": 3, "copied": 3, "equal": True},
        {"name": "a.\x1b[2J", "rows": 2, "copied": 1, "equal": False},
        {"name": "a view v", "rows": 0, "copied": -1, "equal": False},
    ]
    told = {"databases": ["a"], "tables": tables, "accounts": ["y@%"], "accounts_refused": ["x@%: no"]}
    told["zones"] = ["Mars/Olympus"]
    report = adopt.read_report("conclude\n" + json.dumps(told))
    different = ["a.\\x1b[2J (2 rows, 1 copied)", "a view v is missing"]
    assert report == adopt.Report(["a"], 2, 4, different, ["y@%"], ["x@%: no"], ["Mars/Olympus"])
    assert adopt.read_report("nothing") is None


@pytest.mark.parametrize(("step", "told"), [("copy", "copying"), ("conclude", "comparing every row"), ("x", "x")])
def test_what_a_copy_does_now_is_told(step: str, told: str) -> None:
    assert adopt.progress(step, "") == told

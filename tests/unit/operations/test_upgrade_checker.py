"""What is made of the answer of MySQL Shell's upgrade checker, and the pod that it runs in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import capabilities, upgrade_findings
from mysqlops.core.version import ServerVersion
from mysqlops.objects import pods
from mysqlops.operations import deploy, image_check, trial_pod, upgrade_checker
from mysqlops.planning import image_trial
from tests.unit.fakes.cluster import NAME, Cluster
from tests.unit.operations.test_setting_secrets import SPEC

SECRET = "checker"  # its name
HAS = capabilities.Capabilities("mysql mysqlsh", "group_replication mysql_clone", "/p", "glibc", "999")
TRIED = image_trial.Tried((), ServerVersion.parse("9.7.5"), has=HAS)


def problem(level: str, about: str, text: str = "is no longer supported") -> dict[str, str]:
    return {"level": level, "dbObject": about, "description": text}


def answer(*problems: dict[str, str], count: int | None = None, status: str = "OK") -> str:
    """In the form that the manual shows, after what the Shell says by itself."""
    check = {"id": "removedThing", "title": "Usage of removed things", "status": status, "detectedProblems": problems}
    errors_found = sum(one["level"] == "Error" for one in problems) if count is None else count
    told = {"serverAddress": "mysql-primary:3306", "targetVersion": "9.7.5", "errorCount": errors_found}
    fine = {"id": "fine", "title": "Fine", "status": "OK", "detectedProblems": []}
    return "WARNING: Using a password…\n" + json.dumps({**told, "checksPerformed": [fine, check]}, indent=4) + "\n"


class Ran:
    """The trial's pod, without one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, output: str, code: int = 0) -> None:
        self.cluster = Cluster(3)
        self.session = self.cluster.session()
        self.pods: list[dict[str, Any]] = []
        monkeypatch.setattr(image_check, "_create", lambda _, wanted: self.pods.append(wanted))
        ended = {trial_pod.MYSQLD: image_check.Ended(code, "")}
        monkeypatch.setattr(image_check, "_await_end", lambda *_: (ended, None))
        monkeypatch.setattr(type(self.session.client), "logs", lambda *_, lines: output[: lines * 100])

    def look(self, secret: str | None = SECRET, tried: image_trial.Tried = TRIED) -> list[errors.Reason]:
        return upgrade_checker.look(self.session, SPEC, deploy.objects(SPEC), tried, secret)

    def said(self) -> str:
        return "\n".join(self.cluster.said)


def test_an_error_of_the_checker_refuses_and_the_rest_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, answer(problem("Error", "app.t.c"), problem("Warning", "app.u"), problem("Notice", "app.v")))
    (reason,) = ran.look()
    assert (reason.code, reason.message) == (
        "upgrade-check",
        "Usage of removed things: app.t.c: is no longer supported",
    )
    assert "app.u: is no longer supported" in ran.said()
    assert "app.v: is no longer supported" in ran.said()
    assert "the upgrade checker found 1 error, 1 warning" in ran.said()


def test_errors_that_are_counted_and_not_named_refuse_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.message for one in Ran(monkeypatch, answer(count=2)).look()] == ["2 more errors"]
    many = Ran(monkeypatch, answer(*(problem("Error", f"t{number}") for number in range(14)))).look()
    assert (len(many), many[-1].message) == (11, "4 more errors")


def test_a_check_that_could_not_be_made_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, answer(status="ERROR"))
    assert ran.look() == []
    assert "the check could not be made" in ran.said()


@pytest.mark.parametrize("output", ["", "MySQL Error 1045: Access denied", "{", '{"checksPerformed": 7}'])
def test_a_checker_that_does_not_run_is_said_and_stops_nothing(monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    ran = Ran(monkeypatch, output, code=1)
    assert ran.look() == []
    assert "the upgrade checker did not run to its end (status 1)" in ran.said()


def test_a_secret_without_an_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.Refused, match="--checker-secret checker: mysqlops: the Secret has no username"):
        Ran(monkeypatch, "mysqlops: the Secret has no username and password\n", code=3).look()


def test_it_runs_only_where_it_can_and_somebody_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(monkeypatch, answer(problem("Error", "app.t")))
    assert ran.look(secret=None) == []
    assert "--checker-secret SECRET runs its upgrade checker first" in ran.said()
    assert ran.look(tried=image_trial.Tried((), TRIED.version)) == []
    assert "has no mysqlsh" in ran.said()
    assert ran.pods == []


def test_its_pod_reaches_the_primary_as_a_client_and_no_argument_or_variable_holds_the_password() -> None:
    assert TRIED.version is not None
    made = upgrade_checker.pod(SPEC, deploy.objects(SPEC), TRIED.version, "checker")
    (container,) = pods.specs(made)
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert made["metadata"]["labels"]["mysqlops.io/client"] == SPEC.name
    assert (environment["PRIMARY"], environment["TARGET_VERSION"]) == (f"{NAME}-primary.{SPEC.namespace}.svc", "9.7.5")
    assert environment.keys() == {"MY_CNF", "PRIMARY", "TARGET_VERSION"}
    secret = next(one["secret"] for one in made["spec"]["volumes"] if one["name"] == "secret")
    assert (secret["secretName"], secret["optional"]) == ("checker", True)


@pytest.mark.parametrize("told", ["[]", "null", '{"checksPerformed": [7, {"detectedProblems": [{"level": []}]}]}'])
def test_an_answer_of_another_form_is_read_or_not_and_never_raises(told: str) -> None:
    found = upgrade_findings.read(told)
    assert found is None or found.of(upgrade_findings.ERROR) == []

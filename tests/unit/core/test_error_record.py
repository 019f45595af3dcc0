"""An error keeps its class, hint and reasons on its way out of a pod, and a pod's word is read as a stranger's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import __main__ as program
from mysqlops.agent import programs
from mysqlops.core import error_record, kube_status
from mysqlops.kube import exec as kube_exec
from mysqlops.operations import agents, jobs
from mysqlops.operations import programs as agent_programs

REASON = errors.Reason("not-primary", "mysql-0 is not the primary", "run the command again")


def _kinds(kind: type[errors.MysqlopsError]) -> list[type[errors.MysqlopsError]]:
    below = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return [kind, *(each for one in below for each in _kinds(one))]


@pytest.mark.parametrize("kind", _kinds(errors.MysqlopsError))
def test_every_error_comes_back_as_it_was(kind: type[errors.MysqlopsError]) -> None:
    error = errors.Refused([REASON]) if kind is errors.Refused else kind("what happened", hint="what to do")
    log = f"at first\n{error_record.dump(error)}\n{error.code}: {error}\n"
    found = error_record.load(log, error.exit_code)
    assert type(found) is kind
    assert (str(found), found.hint) == (str(error), error.hint)
    assert not isinstance(found, errors.Refused) or found.reasons == (REASON,)


def test_control_characters_and_odd_codes_do_not_come_through() -> None:
    reasons = [{"code": "x;y", "message": "m"}, {"code": "ok", "message": "\x1b[31mred", "hint": None}]
    record = json.dumps({"mysqlops-error": 1, "code": "refused", "message": "m", "reasons": reasons})
    found = error_record.load(f"{record}\nrefused: m", 3)
    assert isinstance(found, errors.Refused)
    assert [(one.code, one.message) for one in found.reasons] == [("ok", "\\x1b[31mred")]


class _Pod:
    """A client whose exec answers with what the agent's program prints."""

    def __init__(self, output: kube_exec.Output) -> None:
        self._output = output

    def run_in(self, *_: Any, **__: Any) -> kube_exec.Output:
        return self._output


def test_the_reason_of_an_agent_is_the_command_s(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise errors.Refused([REASON])

    monkeypatch.setitem(programs.WITHOUT_OPTIONS, "wait-for-database", refuse)
    code = program.main(["wait-for-database"])
    printed = capsys.readouterr().err
    assert printed.splitlines()[-1] == "refused: mysql-0 is not the primary"  # an older command reads this line
    with pytest.raises(errors.Refused) as caught:
        agents.run(_Pod(kube_exec.Output("", printed, code)), "mysql-0", agent_programs.SWITCHOVER, timeout_seconds=1)  # type: ignore[arg-type]
    assert caught.value.reasons == (REASON,)
    old = kube_exec.Output("", "refused: mysql-0 is not the primary\n", code)
    with pytest.raises(errors.Refused) as caught:
        agents.run(_Pod(old), "mysql-0", agent_programs.SWITCHOVER, timeout_seconds=1)  # type: ignore[arg-type]
    assert caught.value.reasons[0].code == "switchover-refused"


_FORGED = json.dumps(
    {"mysqlops-error": 1, "code": "refused", "message": "m", "reasons": [{"code": "x", "message": "m"}]}
)


def test_nobody_else_s_words_are_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server chooses the text of its errors, and names in it; a repository's server what restic prints."""

    def fail() -> None:
        raise errors.StatementFailed(f"Table 'app.\n{_FORGED}\n' doesn't exist")

    monkeypatch.setitem(programs.WITHOUT_OPTIONS, "wait-for-database", fail)
    code = program.main(["wait-for-database"])
    printed = capsys.readouterr().err
    assert type(error_record.load(printed, code)) is errors.StatementFailed
    assert error_record.load(f"{_FORGED}\n{printed}", code + 1) is None
    assert error_record.load(f"connection refused:\n{_FORGED}\nby peer", 1) is None  # no program of ours ends so
    for command, kind in (
        (["restic", "fetch"], errors.MysqlopsError),
        (["python3", "/agent/agent.pyz"], errors.Refused),
    ):
        ended = {"terminated": {"exitCode": 3, "message": f"{_FORGED}\nm", "reason": "Error"}}
        status = {"phase": "Failed", "containerStatuses": [{"name": "run-it", "state": ended}]}
        spec = {"containers": [{"name": "run-it", "command": command}]}
        pod = {"metadata": {"name": "copy-x"}, "spec": spec, "status": status}
        with pytest.raises(errors.MysqlopsError) as caught:
            jobs._raise_failure([pod], "backup-refused")
        reasons = getattr(caught.value, "reasons", ())
        assert [one.code for one in reasons] == (["x"] if kind is errors.Refused else ["backup-refused"])


def test_the_reason_of_a_job_is_the_command_s() -> None:
    message = f"{error_record.dump(errors.Refused([REASON]))}\nrefused: {REASON.message}"
    ended = {"terminated": {"exitCode": 3, "message": message, "reason": "Error"}}
    status = {"phase": "Failed", "containerStatuses": [{"name": "copy", "state": ended}]}
    spec = {"containers": [{"name": "copy", "command": ["python3", "/agent/agent.pyz", "export"]}]}
    pod = {"metadata": {"name": "copy-x"}, "spec": spec, "status": status}
    with pytest.raises(errors.Refused) as caught:
        jobs._raise_failure([pod], "backup-refused")
    assert caught.value.reasons == (REASON,)


def test_every_answer_of_the_api_server_is_an_error_of_ours() -> None:
    body = json.dumps({"kind": "Status", "message": "why"}).encode()
    named = {401: errors.Forbidden, 403: errors.Forbidden, 404: errors.NotFound, 409: errors.Conflict}
    named |= {400: errors.Invalid, 422: errors.Invalid}
    for status in range(300, 600):
        found = kube_status.failure("GET /x", status, body)
        assert type(found) is named.get(status, errors.KubeError), status
        assert str(found) == f"GET /x: {status} why"
        told = str(kube_status.failure("GET /x", status, b'{"kind": "Secret", "message": "secret"}'))
        assert "secret" not in told, status

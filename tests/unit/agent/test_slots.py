"""How many commands run at once beside an agent."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent import __main__ as program
from mysqlops.agent import settings, slots
from mysqlops.core import error_record
from mysqlops.kube import exec as kube_exec
from mysqlops.operations import agents, programs
from tests.unit.fakes.api import Clock

# The programs of Jobs, and those that are containers of their own.
_ELSEWHERE = {"wait", "wait-for-database", "run", "binlog-ship", "backup-seal"}


def test_three_look_at_once_and_the_next_waits_for_a_place(tmp_path: Path) -> None:
    clock = Clock()
    with ExitStack() as first, ExitStack() as rest:
        first.enter_context(slots.taken("top", tmp_path, clock))
        for word in ("examine", "gtids"):
            rest.enter_context(slots.taken(word, tmp_path, clock))
        assert clock.seconds == 0
        clock.turn = lambda: first.close() if clock.seconds > 1 else None
        with slots.taken("top", tmp_path, clock):
            assert 1 < clock.seconds < 2


def test_no_more_than_four_wait_and_none_of_them_without_end(tmp_path: Path) -> None:
    clock = Clock()
    waiting = [tmp_path / f"looking-waiting-{number}" for number in range(4)]
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(slots.taken("top", tmp_path, clock))
        with pytest.raises(errors.PodBusy, match="none ended within") as caught, slots.taken("top", tmp_path, clock):
            pass
        assert caught.value.hint
        assert clock.seconds < 4, "doctor waits for 4 s, and should hear why"
        assert slots._first_free(waiting[:1]) is not None, "who gave up waits no more"
        assert slots._first_free(waiting[1:2]) is not None
        assert slots._first_free(waiting[2:3]) is not None
        assert slots._first_free(waiting[3:]) is not None
        before = clock.seconds
        with pytest.raises(errors.PodBusy, match="4 wait"), slots.taken("top", tmp_path, clock):
            pass
        assert clock.seconds == before, "at once"


def test_who_looks_never_keeps_a_switchover_from_running(tmp_path: Path) -> None:
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(slots.taken("examine", tmp_path, Clock()))
        clock = Clock()
        for word in ("switchover", "write-gap"):
            held.enter_context(slots.taken(word, tmp_path, clock))
        assert clock.seconds == 0


def test_a_pod_without_the_folder_is_no_member_s(tmp_path: Path) -> None:
    with ExitStack() as held:
        for _ in range(20):
            held.enter_context(slots.taken("top", tmp_path / "none", Clock()))


def test_each_program_beside_an_agent_needs_a_place() -> None:
    commands = argparse.ArgumentParser().add_subparsers()
    for add in program._adders(""):
        add(commands)
    of_jobs = {one for one in commands.choices if one.startswith(("adopt-", "backup-", "replay"))} - slots.ACTING
    known = set(commands.choices)
    assert known >= slots.LOOKING | slots.ACTING
    assert sorted(known - slots.LOOKING - slots.ACTING - of_jobs - _ELSEWHERE) == []


def test_a_busy_pod_is_an_error_of_its_own_for_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "CREDENTIALS", tmp_path)
    monkeypatch.setattr(program, "_CLOCK", Clock())
    monkeypatch.setenv("MYSQLOPS_POD", "mysql-0")
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(slots.taken("top", tmp_path, Clock()))
        code = program.main(["top"])
    printed = capsys.readouterr().err

    class Pod:
        def run_in(self, *_: object, **__: object) -> kube_exec.Output:
            return kube_exec.Output("", printed, code)

    with pytest.raises(errors.PodBusy, match="mysql-0") as caught:
        agents.run(Pod(), "mysql-0", programs.TOP, timeout_seconds=1)  # type: ignore[arg-type]
    assert (caught.value.exit_code, caught.value.code) == (10, "pod-busy")
    assert type(error_record.load(printed, code)) is errors.PodBusy

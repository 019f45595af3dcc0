"""A program that was paused sets nothing for a command that is over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.agent import live_settings
from mysqlops.core import names
from mysqlops.mysql import connect
from tests.unit.rotation_world import Api, World


class Server(connect.Server):
    def __init__(self) -> None:
        self.done: list[str] = []

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[connect.Row]:
        self.done.append(sql)
        return [("1",)] if sql.startswith("SELECT") else []


def _put(note: object, run: str) -> list[str]:
    world, server = World(), Server()
    if note is not None:
        world.lease[names.ANNOTATION_SETTING] = json.dumps(note)
    try:
        assert live_settings.put(Api(world), "mysql", server, {"sql_mode": "A"}, run) == {}
    finally:
        assert ("SET GLOBAL sql_mode = 'A'" in server.done) == (
            run == "" or note == {"names": ["sql_mode"], "run": run}
        )
    return server.done


@pytest.mark.parametrize("note", [None, {"names": ["sql_mode"], "run": "2"}, {"names": ["sql_mode"]}, "1", []])
def test_a_value_is_not_set_for_a_run_that_the_lease_does_not_note(note: object) -> None:
    with pytest.raises(errors.StepFailed, match="sql_mode is over"):
        _put(note, "1")


def test_a_value_is_set_for_the_run_that_is_noted_in_a_session_that_ends_if_it_is_paused() -> None:
    assert _put({"names": ["sql_mode"], "run": "1"}, "1")[0].startswith("SET SESSION wait_timeout")


def test_a_command_of_an_older_release_names_no_run() -> None:
    assert _put(None, "") == ["SELECT @@GLOBAL.sql_mode", "SET GLOBAL sql_mode = 'A'"]

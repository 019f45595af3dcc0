"""A step of a password rotation that meets another writer of the same Secret is repeated."""

from __future__ import annotations

from typing import cast

import pytest

from mysqlops import errors
from mysqlops.agent import api, pod, rotation, settings
from tests.unit.fakes.api import Clock


class Own:
    me = settings.Settings("mysql", "db", "mysql-0", "uid")


def _made(monkeypatch: pytest.MonkeyPatch, conflicts: int) -> tuple[rotation.Rotation, list[str]]:
    tried: list[str] = []

    def step(_: rotation.Rotation) -> list[str]:
        tried.append("finish")
        if len(tried) <= conflicts:
            raise errors.Conflict("the object has been modified")
        return ["app"]

    monkeypatch.setitem(rotation.STEPS, "finish", step)
    return rotation.Rotation(cast("api.Api", None), cast("pod.Pod", Own())), tried


def test_it_begins_again_with_what_the_secrets_hold_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    made, tried = _made(monkeypatch, 2)
    assert made.step("finish", Clock()) == ["app"]
    assert len(tried) == 3


def test_it_ends_after_some_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    made, tried = _made(monkeypatch, 99)
    with pytest.raises(errors.Conflict):
        made.step("finish", Clock())
    assert len(tried) == 4

"""Whoever got into a member's pod writes what its agent answers. Each program's reader takes it, or refuses it with an
error that names the member, the program and the field; no command ends as unexpected."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.agent import slots
from mysqlops.cli.main import run
from mysqlops.core import typed
from mysqlops.kube import exec as kube_exec
from mysqlops.operations import agents, programs
from tests.properties.test_answers import EDGES
from tests.properties.test_hostile_text import TEXT, VALUES
from tests.unit.clusters import GROUP
from tests.unit.fakes.verbs import AGREED, CHANGES, options_of, words_of, world
from tests.unit.planning.test_doctor import OPEN, SANE

DOOR = sorted(slots.LOOKING | slots.ACTING)
READERS = [one for one in vars(programs).values() if isinstance(one, programs.Program)]
_KEYS = ("max_connections", "sort_buffer_size")
_GTIDS = f"{GROUP}:1-5"
_ACCOUNT = {
    **{"user": "app", "host": "%", "plugin": "caching_sha2_password", "requires_tls": True},
    **{"is_locked": False, "is_expired": False, "has_second_password": False},
}
_SESSION = {
    **{"id": 7, "user": "app", "host": "h", "database": "app", "command": "Query", "seconds": 9},
    **{"state": "", "statement": "SELECT ?"},
}
_SLOW = {
    **{"at": 1767225600, "statement": "SELECT ?", "database": "app", "count": 1, "most": 9, "average": 9},
    "examined": 3,
}
# A good answer of each, by the program's words.
GOOD: Mapping[tuple[str, ...], Any] = {
    ("accounts",): [_ACCOUNT],
    ("adopt-admit",): {},
    ("adopt-close",): {},
    ("backup-open",): {},
    ("examine",): SANE,
    ("exporter-close",): {},
    ("get-settings",): {"max_connections": "100"},
    ("gtids",): {"executed": _GTIDS, "purged": ""},
    ("kill",): True,
    ("plugins",): {"caching_sha2_password": ["app@%"]},
    ("probe",): {"write": 0.1, "mysql-0.mysql.db.svc": 0.2},
    ("rotate-tls",): {"fingerprint": "abc", "hostnames": ["db.example.com"], "again": False},
    ("rotate-users", "look"): {"stage": "none", "doubled": []},
    ("rotate-users", "open"): {"users": ["app"], "executed": _GTIDS},
    ("rotate-users", "switch"): ["app"],
    ("rotate-users", "finish"): ["app"],
    ("rotate-users", "finish-without-replication"): ["app"],
    ("setting-kinds",): dict.fromkeys(_KEYS, "dynamic"),
    ("set-settings",): {"max_connections": "no"},
    ("slow",): [_SLOW],
    ("switchover",): {"to": "mysql-1", "seconds": 0.3},
    ("tls-presented",): {"trusted": "", "application": "", "members": {"mysql-0": ["presents", ""]}},
    ("top",): {"failed": {}, "sessions": [_SESSION], "transactions": [OPEN], "waits": []},
    ("transactions",): [OPEN],
    ("write-gap",): {"seconds": 0.5, "writes": 1, "failures": 0, "before": "", "after": "mysql-1"},
}
# They leave out what does not fit, and say so themselves.
_SAY_SO = {"examine", "tls-presented", "top"}
HOSTILE = VALUES | EDGES | TEXT


def _words(one: programs.Program[Any]) -> tuple[str, ...]:
    return (one.name, *one.words)


def _is_unread(one: programs.Program[Any]) -> bool:
    return bool(GOOD[_words(one)] == {})


each = pytest.mark.parametrize("reader", READERS, ids=lambda one: " ".join(_words(one)))


class _Pod:
    def __init__(self, printed: str) -> None:
        self._printed = printed

    def run_in(self, *_: Any, **__: Any) -> kube_exec.Output:
        return kube_exec.Output(self._printed, "", 0)


def _ask(reader: programs.Program[Any], printed: str) -> str | None:
    """What the error says, None if the answer was read."""
    words = _KEYS if reader.by_word else ()
    try:
        agents.run(_Pod(printed), "mysql-0", reader, *words, timeout_seconds=1)  # type: ignore[arg-type]
    except errors.BadAnswer as error:
        refused = error
    else:
        return None
    text = str(refused)
    assert text.startswith(f"the answer of mysql-0 to {reader.name} cannot be read: ")
    assert typed.is_plain(f"{text} {refused.hint}")
    assert len(text) < 600
    return text


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from _places(one, (*path, key))


def _put(value: Any, path: Sequence[Any], new: Any) -> Any:
    if not path:
        return new
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return made


def test_every_program_beside_an_agent_has_its_reader() -> None:
    assert sorted({one.name for one in READERS}) == DOOR
    assert sorted(map(_words, READERS)) == sorted(GOOD)


@each
def test_a_good_answer_is_read(reader: programs.Program[Any]) -> None:
    assert _ask(reader, json.dumps(GOOD[_words(reader)])) is None


@each
@settings(max_examples=60)
@given(told=HOSTILE, is_ascii=st.booleans())
def test_any_json_is_read_or_refused(reader: programs.Program[Any], told: Any, is_ascii: bool) -> None:
    text = json.dumps(told, ensure_ascii=is_ascii)
    _ask(reader, text)
    refused = _ask(reader, text[:-1])
    assert refused is None or "it is not JSON" in refused or json.loads(text[:-1]) is not None


@each
@settings(max_examples=60)
@given(data=st.data(), told=HOSTILE, is_ascii=st.booleans())
def test_any_field_of_another_form_is_named(
    reader: programs.Program[Any], data: st.DataObject, told: Any, is_ascii: bool
) -> None:
    good = GOOD[_words(reader)]
    path = data.draw(st.sampled_from(list(_places(good))))
    _ask(reader, json.dumps(_put(good, path, told), ensure_ascii=is_ascii))
    refused = _ask(reader, json.dumps(_put(good, path, {"\x1b]52;c;x\x07": [[None]]})))
    field = str(path[-1]) if path and isinstance(path[-1], str) else ""
    if not _is_unread(reader) and reader.name not in _SAY_SO and path:
        # A field that this release does not read may hold anything.
        assert (refused is None and field in ("to", "writes", "before", "after")) or field in str(refused)


@pytest.mark.parametrize(
    "printed",
    [
        "[" * 5_000_000,
        "[" * 900 + "]" * 900,
        '{"failed":' * 900 + "1" + "}" * 900,
        json.dumps("\x9b" * 5_000_000),
        f"[{'0,' * 3_000_000}0]",
        json.dumps({str(number): "x" for number in range(300_000)}),
        "9" * 10_000_000,
        "NaN",
        "-Infinity",
        "1e999",
        "",
        "\x1b[2J",
    ],
    ids=lambda text: f"{text[:12]!r}x{len(text)}",
)
def test_ten_megabytes_and_deep_nests_are_read_or_refused(printed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = typed.json_of(printed)
    monkeypatch.setattr(typed, "json_of", lambda _: answer)  # once for all readers: that takes most of the time
    for reader in READERS:
        refused = _ask(reader, printed)
        is_read = _is_unread(reader) or reader.name in _SAY_SO
        assert (refused is None) is (is_read and answer is not None)


def test_a_member_adds_no_setting_to_those_that_it_was_asked_about() -> None:
    """`config set` sets what can change live on every member: one member must not choose what else."""
    more = {**GOOD["setting-kinds",], "super_read_only": "dynamic"}
    assert "super_read_only: nobody asked for it" in str(_ask(programs.SETTING_KINDS, json.dumps(more)))
    assert "sort_buffer_size is missing" in str(_ask(programs.SETTING_KINDS, '{"max_connections": "dynamic"}'))


# Commands that only look, beside those that change something.
_LOOKS = ("top mysql", "doctor mysql", "logs mysql --source slow", "users list mysql", "config get mysql")
_MORE = ("tls rotate mysql --drop-old-ca --yes",)
_COMMANDS = [*_LOOKS, *_MORE, *(path for path in CHANGES if not path.startswith("drill"))]
_ATTACKS: Sequence[Any] = (
    None,
    float("nan"),
    10**4000,
    ["\x1b]52;c;x\x07", {"\ud800": []}],
    {"seconds": float("inf"), "executed": "x:1-\x9b", "users": 1, "stage": [], "fingerprint": {}, "\x1b[2J": "\x1b[2J"},
    [{"user": {}, "connection": -1}],
)


@pytest.mark.parametrize("path", _COMMANDS)
def test_no_command_ends_as_unexpected(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = _words_of(path)
    for asked in sorted(set(_run(words, tmp_path, monkeypatch, {}))):
        for attack in _ATTACKS:
            _run(words, tmp_path, monkeypatch, {asked: attack})
            shown = capsys.readouterr()
            what = f"{asked}: {attack!r}: {shown.err}"
            assert "unexpected" not in shown.err, what
            assert not {"\x1b", "\x9b", "\x07"} & set(shown.out + shown.err), what


def test_the_commands_of_this_test_ask_nearly_every_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {one for path in _COMMANDS for one in _run(_words_of(path), tmp_path, monkeypatch, {})}
    # After a Job, with an exporter, with another version, in a thread.
    assert sorted({*DOOR} - asked) == ["adopt-close", "exporter-close", "plugins", "write-gap"]


def _words_of(path: str) -> list[str]:
    if " " in path:
        return path.split()
    return [*words_of(path), *AGREED.get(path, ["--yes"] if "--yes" in options_of(path) else [])]


def _run(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, attacks: Mapping[str, Any]) -> list[str]:
    """The programs that the command asked. Nothing obeys an order here, so it waits no longer than a minute."""
    asked = list[str]()
    made = world(monkeypatch, folder)

    def turn() -> None:
        if made.clock.seconds > 60:
            raise errors.WaitTimeout("nothing obeys")

    made.clock.turn = turn

    def client(*_: object) -> Any:
        found = made.session().client
        found.answer = answer  # type: ignore[attr-defined]
        return found

    def answer(_: str, said: Sequence[str]) -> Any:
        asked.append(said[0])
        if said[0] in attacks:
            return attacks[said[0]]
        if said[0] == "setting-kinds":
            return dict.fromkeys(said[1:], "dynamic")
        return {"set-settings": {}}.get(said[0], GOOD.get(tuple(said[:2]), GOOD.get((said[0],))))

    with monkeypatch.context() as patched:
        patched.setattr("mysqlops.cli.context.client", client)
        run(words)
    return asked

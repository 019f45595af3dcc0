"""Any text that others can write, with half characters, control characters and signs of a terminal: what reads it goes
on, and what comes out can be written, shown and handed over."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.agent import door, health, log
from mysqlops.cli import output, screen
from mysqlops.clock import SystemClock
from mysqlops.core import (
    capabilities,
    exposure,
    facts,
    known_secrets,
    kube_status,
    names,
    ordered,
    pod_patch,
    redaction,
    rollout,
    setting_secrets,
    typed,
)
from mysqlops.objects import adopt, binlog, field_owners
from mysqlops.operations import compared, recorded
from mysqlops.planning import backup_progress
from tests.properties.test_typed import KEYS, READERS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIGNS = st.sampled_from(
    ["\ud800", "\udfff", "\0", "\x1b[2J", "\x1b]52;c;x\x07", "\x9b", "\u202e", "\u2066", "\u2028", "[red]"]
)
TEXT = st.lists(st.one_of(SIGNS, st.text(st.characters(), max_size=6)), max_size=5).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | TEXT, inner, max_size=4),
    max_leaves=10,
)
MORE: Mapping[str, Callable[[str], Any]] = {
    "rebuilding": lambda text: ordered.rebuilding({names.ANNOTATION_REBUILDING: text}),
    "leaving": lambda text: ordered.leaving({names.ANNOTATION_REBUILDING: text}),
    "obeyed": lambda text: ordered.obeyed({names.ANNOTATION_REBUILDING: text}, "mysql-0", "uuid", NOW),
    "setting": lambda text: ordered.setting({names.ANNOTATION_SETTING: text}),
    "exposed": lambda text: exposure.read({exposure.ANNOTATION: text}),
    "replaced": lambda text: rollout._replaced({"metadata": {"annotations": {names.ANNOTATION_REPLACED: text}}}),
    "applying": lambda text: compared._noted({names.ANNOTATION_APPLYING: text}),
    "receiver": lambda text: binlog.noted({"metadata": {"name": "x", "annotations": {names.ANNOTATION_BINLOG: text}}}),
    "pod patch": pod_patch.load,
    "capabilities": lambda text: capabilities.read(f"mysqlops {text}"),
    "a Status": lambda text: kube_status.failure("GET /x", 409, text.encode(errors="surrogatepass")),
    "a response": lambda text: kube_status.items("GET /x", kube_status.answer("GET /x", text)),
    "snapshots": facts.listed,
    "a manifest": lambda text: recorded.load(text, "b"),
    "an adoption": adopt.read_report,
    "a Job's last line": lambda text: backup_progress.progress("copy", text.encode(errors="replace").decode()),
    "a field's key": lambda text: field_owners._keys(f"k:{text}"),
}
ALL = {**READERS, **MORE}


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, errors.MysqlopsError):
        yield str(found)
    else:
        for one in _parts(found):
            yield from _texts(one)


def _parts(found: Any) -> Iterable[Any]:
    if isinstance(found, Mapping):
        return [*found, *found.values()]
    if is_dataclass(found):
        return [getattr(found, field.name) for field in fields(found)]
    return found if isinstance(found, list | tuple | set | frozenset) else ()


@pytest.mark.parametrize("reader", ALL)
@settings(max_examples=60)
@given(told=VALUES, tail=TEXT, is_ascii=st.booleans())
def test_whatever_a_note_holds_its_reader_returns_whole_text(reader: str, told: Any, tail: str, is_ascii: bool) -> None:
    written = json.dumps(told, ensure_ascii=is_ascii)
    by_key = json.dumps({key: told for key in KEYS} | {"format": 1, "pod_uid": "uid"}, ensure_ascii=is_ascii)
    for text in (written, by_key, f"[{written}]", json.dumps({"mysql-0": told, "items": [told]}), written[:-1]):
        try:
            found = ALL[reader](text)
        except errors.MysqlopsError as error:
            found = error
        for one in _texts(found):
            one.encode()
            assert "\0" not in one
    ALL["fenced"](tail)


@given(told=VALUES, is_ascii=st.booleans())
def test_json_is_whole_text_and_otherwise_as_it_was(told: Any, is_ascii: bool) -> None:
    text = json.dumps(told, ensure_ascii=is_ascii)
    found = typed.json_of(text)
    for one in _texts(found):
        one.encode()
    if not any(re.search("[\0\ud800-\udfff]", one) for one in _texts(told)):
        assert json.dumps(found) == json.dumps(told)


@given(fence=TEXT)
def test_a_fence_is_obeyed_whatever_its_reason(fence: str) -> None:
    for is_ascii in (True, False):
        annotations = {names.ANNOTATION_FENCED: json.dumps({"mysql-1": fence}, ensure_ascii=is_ascii)}
        assert list(ordered.fenced(annotations)) == ["mysql-1"]


# --- the agents' port
ASKED = TEXT.map(lambda path: f"GET {path} HTTP/1.1".encode("utf-8", "surrogatepass"))


@settings(max_examples=200)
@given(head=st.binary(max_size=200) | ASKED)
def test_any_request_gets_a_response(head: bytes) -> None:
    probes = health.Health(SystemClock())
    _, path, is_open = door.request_of(head)
    status, text = probes.answer(path, is_open=is_open)
    made = door.response(status, text, is_open=is_open)
    assert made.startswith(b"HTTP/1.1 ")


@given(text=TEXT, is_open=st.booleans())
def test_any_text_can_be_sent_with_its_length(text: str, is_open: bool) -> None:
    head, _, body = door.response(503, text, is_open=is_open).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    body.decode()


# --- what is shown
def _is_obeyed(text: str) -> list[str]:
    return [one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(text=TEXT)
def test_a_line_for_people_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    assert _is_obeyed(typed.visible(text)) == []
    typed.visible(text).encode()
    assert typed.visible(typed.visible(text)) == typed.visible(text)
    assert output._plain(text).plain == typed.visible(text)


@settings(max_examples=30)
@given(text=TEXT)
def test_any_message_is_one_line_of_the_log(text: str) -> None:
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(written):
        log.Log(SystemClock()).say(text)
    written.flush()
    assert written.buffer.getvalue().count(b"\n") == 1


@given(text=st.lists(TEXT | st.sampled_from([" ", "\n", "\t", "a"]), max_size=9).map("".join))
def test_a_text_on_one_line_begins_none(text: str) -> None:
    text = text.rstrip()
    assert typed.one_line(text) == re.sub(r"\s*\n\s*", " / ", text)


def test_a_line_of_spaces_is_written_at_once() -> None:
    """Of a million, the search for an end after spaces would have taken half an hour."""
    spaces = " " * 1_000_000
    assert typed.one_line(f"x{spaces}y\n{spaces}z") == f"x{spaces}y / z"


PIECES = st.binary(max_size=6) | SIGNS.map(lambda one: one.encode("utf-8", "surrogatepass"))
BYTES = st.lists(PIECES, max_size=8).map(b"".join)


@settings(max_examples=200)
@given(data=BYTES, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_a_lent_terminal_gets_the_same_however_it_arrives_and_only_what_moves_the_cursor(
    data: bytes, cuts: list[int]
) -> None:
    def shown(parts: list[bytes]) -> bytes:
        one = screen.Screen()
        return b"".join([*map(one.pass_on, parts), one.end()])

    whole = shown([data])
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert shown([data[a:b] for a, b in itertools.pairwise(places)]) == whole
    left = screen._PASSES.sub("", whole.decode())
    assert set(_is_obeyed(left)) <= set("\n\r\t\b\x07")


# --- secrets
SECRET = st.text(st.sampled_from("ABCXYZ0123456789+/=\"'\\%\n \0ß"), min_size=6, max_size=30)


@settings(max_examples=150)
@given(secrets=st.lists(SECRET, min_size=1, max_size=3), parts=st.lists(TEXT, max_size=4), times=st.integers(0, 3))
def test_a_known_value_is_in_no_text_and_no_object(secrets: list[str], parts: list[str], times: int) -> None:
    text = "|".join([*parts, *secrets, *parts])
    assert [one for one in secrets if one in known_secrets.without(text, secrets)] == []
    written = text
    for _ in range(times):
        written = json.dumps({"a": written})
    found = json.dumps(redaction.tree({"note": written, "list": [text, {"x": written}]}, secrets))
    words = [word for one in secrets for word in re.findall("[A-Z0-9]{6,}", one)]
    assert [word for word in words if word in found] == []


@given(told=VALUES, known=st.lists(SECRET, max_size=2))
def test_no_object_ends_a_report(told: Any, known: list[str]) -> None:
    json.dumps(redaction.tree(told, known))
    redaction.tree({"a": json.dumps(told)}, known)
    redaction.values([{"data": {"a": base64.b64encode(json.dumps(told).encode()).decode()}}])


@given(text=TEXT)
def test_any_file_can_be_shown_without_secrets(text: str) -> None:
    setting_secrets.without_values(f"{text}=x\nreport_password={text}\n")
    redaction.text(text, ())

"""JSON that others may have written is read in one place (core/typed.py). Nested too deep, or with a number too long,
it ended every verb that read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli import context
from mysqlops.cli.backup import seen
from mysqlops.core import backup, binlog, facts, gtid, kube_status, names, ordered, publication, typed
from mysqlops.kube import exec as kube_exec
from mysqlops.mysql import contents
from mysqlops.objects import binlog as receiver
from tests.unit.operations.test_backup import made

_UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
_LONG = f"{_UUID}:1-" + "9" * 5000
_MOMENTS = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1969-12-31T23:59:59Z",
    "x",
    "2026-01-01T00:00:00",
)


@pytest.mark.parametrize("text", ["[" * 200_000, "9" * 5000, "{", "", b"\xff", None])
def test_what_is_no_json_is_nothing(text: str | bytes | None) -> None:
    assert typed.json_of(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"\\ud800": ["a\\udfffb", {"c": "\\u0000"}]}', {"\ufffd": ["a\ufffdb", {"c": "\ufffd"}]}),
        ('"\ud800"', "\ufffd"),  # half a character that no escape hides
        ('"\\ud83d\\ude00"', "\U0001f600"),  # both halves
        (b'"\\uD800"', "\ufffd"),
        ('"\\\\ud800"', "\\ud800"),  # a backslash and letters
    ],
)
def test_half_a_character_is_replaced_so_that_every_text_can_be_written(text: str | bytes, value: Any) -> None:
    assert typed.json_of(text) == value


def test_bytes_that_are_no_text_are_nothing() -> None:
    assert typed.json_of(b'"\xed\xa0\x80"') is None


def test_an_empty_list_of_the_api_server_is_one_however_it_is_written() -> None:
    assert kube_status.items("GET /x", {"items": []}) == []
    assert kube_status.items("GET /x", {"kind": "PartialObjectMetadataList", "items": None}) == []


def test_a_list_with_managers_of_any_depth_is_read_without_them() -> None:
    """The API server of the lab (1.36) stores 9000 levels: whoever may patch one object kept every command, and agents,
    from reading each list that has it."""
    deep = '{"f:a":' * 5000 + '{"f:]}":{}}' + "}" * 5000
    managers = f'"managedFields":[{{"manager":"x","fieldsV1":{deep}}}]'
    odd = {"note": 'say "managedFields":[{', "managedFields": "text", "other": {"managedFields": []}}
    plain = json.dumps({"metadata": {"name": "b"}, "data": odd}, separators=(",", ":"))
    body = f'{{"kind":"List","items":[{{"metadata":{{"name":"a",{managers},"uid":"1"}},"data":{{"k":"v"}}}},{plain}]}}'
    for text in (body, body.encode()):
        first, second = kube_status.items("GET /x", kube_status.answer("GET /x", text))
        assert first == {"metadata": {"name": "a", "managedFields": [], "uid": "1"}, "data": {"k": "v"}}
        assert second == {"metadata": {"name": "b"}, "data": odd}
    watched = kube_status.event(
        "WATCH", f'{{"type":"ADDED","object":{{"metadata":{{"name":"a",{managers}}}}}}}'.encode()
    )
    assert watched["object"]["metadata"] == {"name": "a", "managedFields": []}
    for body in ("{" * 5000, '{"managedFields":[' + "[" * 5000, '"' * 5001, "x" * 100):
        with pytest.raises(errors.KubeError, match="not a JSON object"):
            kube_status.answer("GET /x", body)


@pytest.mark.parametrize("found", [{}, {"items": None}, {"items": {}}, {"items": [None]}, {"items": ""}])
def test_a_list_that_cannot_be_read_is_no_empty_one(found: dict[str, Any]) -> None:
    with pytest.raises(errors.KubeError, match="not a list"):
        kube_status.items("GET /x", found)


def test_half_a_character_in_a_reason_does_not_lift_the_fence() -> None:
    found = ordered.fenced({names.ANNOTATION_FENCED: '{"mysql-1": "\\ud800 disk"}'})
    assert found == {"mysql-1": "\ufffd disk"}


@pytest.mark.parametrize("text", _MOMENTS)
def test_only_a_moment_with_which_one_can_calculate_is_one(text: str) -> None:
    assert not names.is_moment(text)


def test_a_number_of_a_transaction_has_a_length() -> None:
    assert not gtid.is_set(_LONG)
    assert gtid.is_set(f"{_UUID}:1-9223372036854775806")


def _entry(one: backup.Backup | binlog.Chunk, **more: Any) -> dict[str, Any]:
    tags = backup.tags(one) if isinstance(one, backup.Backup) else binlog.tags(one)
    return {"id": "s", "tree": "t", "tags": tags, **more}


_SUMMARIES: list[Any] = [None, [], "x", {"data_added_packed": "x"}, {"backup_start": None}]
_SIZES: list[Any] = [None, [], 1.5, -1, 10**400, float("nan")]


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "s", "tags": ["mysqlops", "kind:backup", "facts:" + "W1tb" * 50_000]},  # brackets
        _entry(made(1, gtid=_LONG)),
        *(_entry(made(1), summary={"backup_start": at, "backup_end": at}) for at in _MOMENTS),
        *(_entry(made(1), summary=odd) for odd in _SUMMARIES),
        *(_entry(made(1), summary={"data_added_packed": odd}) for odd in _SIZES),
        *({**_entry(made(1)), "tags": facts.tags("backup", binlog.Report(at, at, "", 1.0))} for at in _MOMENTS),
    ],
)
def test_no_entry_ends_a_listing(entry: dict[str, Any]) -> None:
    good = _entry(made(2))
    chunks = binlog.chunks([entry, good])
    assert made(2).id in [one.id for one in binlog.with_reach(backup.catalogue([entry, good]), chunks)]


@pytest.mark.parametrize("at", _MOMENTS)
@pytest.mark.parametrize("field", ["at", "committed"])
def test_no_time_of_an_entry_ends_a_listing(field: str, at: str) -> None:
    odd = backup.Backup(**{**vars(made(1)), field: at})
    found = binlog.with_reach(backup.catalogue([_entry(odd), _entry(made(2))]), [])
    assert [one.id for one in found] == [made(2).id]


@pytest.mark.parametrize("field", ["first", "last", "until"])
@pytest.mark.parametrize("at", _MOMENTS)
def test_no_time_of_a_chunk_ends_a_listing(field: str, at: str) -> None:
    group = _UUID
    chunk = binlog.Chunk(
        "c", "orders", "db", "uid", group, f"{group}:1-5", f"{group}:6-9", until="2026-01-01T00:00:00Z"
    )
    entry = _entry(binlog.Chunk(**{**vars(chunk), field: at}))
    assert binlog.chunks([entry]) == []


def _with(**fields: Any) -> Callable[[], publication.Publication | None]:
    good = publication.Publication("uid", "2026-01-01T00:00:00Z", 1, "1", executed=f"{_UUID}:1-5")
    text = publication.dump(publication.Publication(**{**vars(good), **fields}))
    return lambda: publication.load(text, "uid")


@pytest.mark.parametrize("field", ["executed", "received", "held"])
@pytest.mark.parametrize("value", ["x", _LONG, f"{_UUID}:"])
def test_a_member_whose_sets_cannot_be_read_is_unknown_and_not_empty(field: str, value: str) -> None:
    assert _with()() is not None
    assert _with(**{field: value})() is None


@pytest.mark.parametrize("at", ["", *_MOMENTS])
def test_a_member_that_reports_at_no_time_is_unknown(at: str) -> None:
    assert _with(at=at)() is None


@pytest.mark.parametrize("text", ["", "{", "{}", "5", '"x"', "[5]", "[{}]", '[{"id": 1}]', '[{"id": "a", "tags": 5}]'])
def test_a_list_of_snapshots_that_cannot_be_read_is_not_an_empty_repository(text: str) -> None:
    with pytest.raises(errors.StorageError):
        facts.listed(text)


def test_what_restic_prints_is_read() -> None:
    assert facts.listed("null\n") == facts.listed("[]") == []
    assert facts.listed('[{"id": "a"}, {"id": "b", "tags": null}]') == [{"id": "a"}, {"id": "b", "tags": None}]


@pytest.mark.parametrize(
    "found", [None, 5, [], {}, {"tables": 1}, {"tables": {"a": {"x": 1}}, "rights": {}, "programs": {}}]
)
def test_a_record_of_contents_that_cannot_be_read_is_an_error_of_the_repository(found: Any) -> None:
    with pytest.raises(errors.StorageError):
        contents.load(found)


@pytest.mark.parametrize(
    "ended", ["", "[]", "x", '{"details": 5}', '{"details": {"causes": [1, {"reason": "ExitCode"}]}}']
)
def test_a_program_whose_end_cannot_be_read_did_not_succeed(ended: str) -> None:
    with pytest.raises(errors.PodExecFailed):
        kube_exec.exit_code("pod", ended)


@pytest.mark.parametrize(
    "note", [None, "x", "[]", '{"target": 1, "every": 60}', '{"target": "s3"}', '{"target": "s3", "every": NaN}']
)
def test_a_receivers_note_that_cannot_be_read_is_named(note: str | None) -> None:
    annotations = {} if note is None else {names.ANNOTATION_BINLOG: note}
    with pytest.raises(errors.Refused, match="mysql-binlog"):
        receiver.noted({"metadata": {"name": "mysql-binlog", "annotations": annotations}})


def test_a_users_cache_that_cannot_be_read_offers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    access = context.Access(None, None, None)
    for text in ("[]", "{", '{"  ": 5}', '{"  ": [5]}'):
        (tmp_path / "mysqlops").mkdir(exist_ok=True)
        (tmp_path / "mysqlops" / "backups.json").write_text(text)
        assert seen.read(access) == []
    seen.write(access, ["b-1"])
    assert seen.read(access) == ["b-1"]


def test_an_answer_with_half_a_character_is_no_object() -> None:
    with pytest.raises(errors.KubeError, match="not a JSON object"):
        kube_status.answer("GET pods", "\ud800")

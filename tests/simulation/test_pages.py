"""Each `mysqlops …` line of a page runs: here, in a simulated world, or on a cluster by a test that types the same verb
with the same options. Output that a page shows has the shape of what was printed. (docs/explanation/simulation.md)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

from tests.docs import typed
from tests.docs.pages import DOCS, GENERATED, PAGES, ROOT, Command, Step, blocks, command, compared, examples, session
from tests.simulation import shell
from tests.simulation.world import NAMESPACE

# What no model of this world can do, by verb, or by verb and option, and what it would take.
NEEDS_SERVERS = {
    "adopt": "another server",
    "backup binlog start": "a receiver, and a server that streams its binary logs",
    "backup create --method": "a driver of VolumeSnapshots, and a server that dumps",
    "backup delete": "two good backups that are not of the future",
    "backup describe": "the record of a server",
    "config get": "all variables of a server",
    "doctor": "a server that is examined",
    "drill abort": "a program that looks into a pod",
    "drill all": "as a single fault",
    "drill FAULT": "nodes, and clients that keep a ledger",
    "drill compare": "reports of drills",
    "recover": "a full outage",
    "report": "a server that is examined",
    "restore": "Jobs that make another cluster",
    "runbook --run": "a shell, whose commands reach a cluster",
    "sql": "a mysql client",
    "top": "a server with sessions",
    "upgrade --rehearse": "a server that starts on a restored backup",
    "users list": "a server with accounts",
    "users rotate": "a server with accounts",
    "wait": "a port",
}
LINES_FOR_SERVERS = {"config set mysql authentication_ldap_simple_bind_root_pwd=-"}  # a plugin, and a file as stdin
# Commands of pages that end otherwise than with 0 in a world without faults, and with a pipe instead of a terminal.
ENDS = {
    ("README.md", "delete mysql --namespace shop"): (3, "not-confirmed"),  # a terminal asks
    ("stateful-services.md", "upgrade mysql --rollback"): (3, "no-rollout"),  # the one before it succeeded
    ("cli.md", "upgrade mysql --rollback"): (3, "no-rollout"),
}
_OFFSITE = "backup target add offsite --s3 https://s3.example.com/backups --credentials s3-keys"
# What a page or an example takes for granted besides a cluster: a command that contains this follows the other one.
GIVEN = {
    "schedule run-now": "backup schedule set mysql --cron '0 3 * * *'",
    "--target offsite": _OFFSITE,
    "target (check|rotate|unlock) offsite": _OFFSITE,
    "-f cluster.yaml": "export mysql > cluster.yaml",
    "config set mysql --revert": "config set mysql max_connections=200",
    "start mysql": "stop mysql --yes",
}
_MY_CNF = "[mysqld]\nmax_connections = 200\n"
_READ = [page for page in PAGES if page not in GENERATED and blocks(page)]
_SESSIONS = {page for page in _READ if session(page)}
_NAMESPACE = re.compile(r"\bdb\b")
_IN_A_PAGE = re.compile(r"^mysqlops in|^certificate until ")  # this world's certificates are words, and never expire


def key_of(words: Sequence[str]) -> str:
    """The verb as the tables name it."""
    found = typed.verb_of(words)
    assert found is not None, words
    for name in NEEDS_SERVERS:
        verb, _, option = name.partition(" --")
        if found[0] == verb and option and f"--{option}" in typed.options_of(found[1]):
            return name
    return found[0]


def runs_here(one: Command) -> bool:
    return key_of(one.words) not in NEEDS_SERVERS and " ".join(one.words) not in LINES_FOR_SERVERS


def _scenes() -> Iterator[tuple[Path, list[Command]]]:
    """What a reader types one after another: a block, or a whole session."""
    for page in _READ:
        own = blocks(page)
        for block in [list(chain(*own))] if page in _SESSIONS else own:
            here = [replace(one, words=tuple(word.replace("NAME", "mysql") for word in one.words)) for one in block]
            if here := [one for one in here if runs_here(one)]:
                yield page, here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's: a file that one block writes is there for the next."""
    return tmp_path_factory.mktemp("reader")


@pytest.mark.parametrize(("page", "block"), [*_scenes()], ids=lambda one: one.stem if isinstance(one, Path) else "")
def test_what_a_page_says_runs(page: Path, block: list[Command], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name in ("MYSQLOPS_NAMESPACE", "MYSQLOPS_IMAGE", "MYSQLOPS_AGENT_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    answers = _typed(page.name, block, folder)
    for step, answer in _shown(page, block, answers):
        wanted = [line for line in step.output if not _IN_A_PAGE.match(line)]
        seen = [_NAMESPACE.sub(page_namespace(page), line) for line in answer.out]
        assert not (why := compared(wanted, seen)), "\n".join([f"$ {step.command}", why, *seen])


def _typed(page: str, block: Sequence[Command], folder: Path) -> list[shell.Answer]:
    """The answers; fails unless each command ends as it should."""
    text = "\n".join(str(one) for one in block)
    given = [command(before) for part, before in GIVEN.items() if re.search(rf"(?<![\w-]){part}", text)]
    given = [one for one in given if str(one) not in text]
    answers = shell.together([*given, *block], folder)
    assert [one.code for one in answers[: len(given)]] == [0] * len(given), answers[0]
    answers = answers[len(given) :]
    for one, answer in zip(block, answers, strict=True):
        code, reason = ENDS.get((page, " ".join(one.words)), (0, ""))
        said = "\n".join((str(one), *answer.out, *answer.err))
        assert not answer.trouble, f"{said}\n{answer.trouble}"
        if {"--watch", "--follow"} & {*one.words}:
            assert answer.code is None, said
        else:
            assert (answer.code, reason in said) == (code, True), said
    return answers


@pytest.mark.parametrize("one", [one for one in examples() if runs_here(one)], ids=str)
def test_what_a_help_text_says_runs(one: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.cnf").write_text(_MY_CNF)
    words = tuple("mysql" if word == "orders" else word for word in one.words)
    _typed("cli.md", [replace(one, words=words)], tmp_path)


def page_namespace(page: Path) -> str:
    found = re.search(r"MYSQLOPS_NAMESPACE=(\S+)", page.read_text())
    return found[1] if found else NAMESPACE


def _shown(
    page: Path, block: Sequence[Command], answers: Sequence[shell.Answer]
) -> Iterator[tuple[Step, shell.Answer]]:
    """The steps of a session that ran, with their answers."""
    steps = [one for one in session(page) if one.command.startswith("mysqlops ")]
    ran = [one for one in steps if runs_here(command(one.command.removeprefix("mysqlops ")))]
    if page in _SESSIONS:
        yield from zip(ran, answers, strict=True)
        assert len(ran) == len(block)


def test_what_runs_nowhere_else_is_typed_by_a_test_on_a_cluster() -> None:
    """The tutorial's own test types all of it."""
    missing = {
        f"{page.name}: {one}"
        for page in _READ
        if page not in _SESSIONS
        for block in blocks(page)
        for one in block
        if not runs_here(one) and not typed.by(one.words)
    }
    missing |= {f"help: {one}" for one in examples() if not runs_here(one) and not typed.by(one.words)}
    assert missing == set()


def test_the_reference_shows_an_error_as_it_is_printed(tmp_path: Path) -> None:
    text = (DOCS / "reference" / "output.md").read_text()
    (shown,) = [one for one in re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if '"Error"' in one]
    (answer,) = shell.together([command("stop mysql -o json")], tmp_path)
    assert [*answer.out] == shown.splitlines()


def test_the_tables_name_what_is_on_pages() -> None:
    found = [("cli.md", one) for one in examples()]
    found += [(page.name, one) for page in _READ for block in blocks(page) for one in block]
    assert NEEDS_SERVERS.keys() - {key_of(one.words) for _, one in found} == set()
    assert ENDS.keys() <= {(page, " ".join(one.words)) for page, one in found}
    assert {" ".join(one.words) for _, one in found} >= LINES_FOR_SERVERS


def test_a_page_that_is_wrong_is_found(tmp_path: Path) -> None:
    wrong = [command("status mysql"), command("status other"), command("config set mysql nothing=1")]
    answers = shell.together(wrong, tmp_path)
    assert [one.code for one in answers[:2]] == [0, 10]
    assert answers[2].code != 0
    assert compared(["a line that nobody prints"], answers[0].out) != ""
    assert not typed.by("restore BACKUP --as NAME --nowhere".split())


def test_the_tutorial_is_read_as_a_session() -> None:
    assert [*_SESSIONS] == [DOCS / "tutorial" / "first-cluster.md"]
    assert ROOT / "README.md" in _READ

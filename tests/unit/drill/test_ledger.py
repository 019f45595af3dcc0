"""The ledger's checker and figures, on journals that are written out here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mysqlops import errors
from mysqlops.agent import credentials
from mysqlops.core import names
from mysqlops.drill.clients import rows
from mysqlops.drill.ledger import checker, figures, journal, phases
from mysqlops.drill.model import Row
from mysqlops.mysql import connect
from tests.unit.fakes.cluster import Cluster

TWO = """\
I main0 1 100.00 aa
O main0 1 100.01 0.010
I main0 2 100.02 bb
O main0 2 100.03 0.011
"""
ROWS: list[Row] = [("main0", 1, "aa"), ("main0", 2, "bb")]


def _check(text: str, *held: list[Row]) -> dict[str, int]:
    verdict = checker.check(journal.parse(text), {f"mysql-{n}": rows for n, rows in enumerate(held)})
    return {kind: count for kind, count in verdict.counts().items() if count}


def test_what_all_members_hold_as_it_was_acknowledged_is_clean() -> None:
    assert _check(TWO, ROWS, ROWS, ROWS) == {"acknowledged": 2}


def test_without_any_members_word_nothing_is_said_of_rows() -> None:
    assert _check(TWO) == {"acknowledged": 2}


def test_an_acknowledged_row_that_lacks_everywhere_is_lost() -> None:
    assert _check(TWO, ROWS[:1], ROWS[:1]) == {"acknowledged": 2, "lost": 1}


def test_an_acknowledged_row_that_lacks_on_one_member_is_lost_and_diverged() -> None:
    assert _check(TWO, ROWS, ROWS[:1]) == {"acknowledged": 2, "lost": 1, "diverged": 1}


def test_a_refused_row_that_is_there_is_a_ghost() -> None:
    text = TWO + "I main0 3 100.04 cc\nF main0 3 100.05 read-only\n"
    assert _check(text, [*ROWS, ("main0", 3, "cc")]) == {"acknowledged": 2, "refused": 1, "ghosts": 1}


def test_a_row_that_nobody_sent_is_a_ghost() -> None:
    assert _check(TWO, [*ROWS, ("main7", 1, "zz")]) == {"acknowledged": 2, "ghosts": 1}


def test_a_row_with_another_content_is_lost_and_a_ghost() -> None:
    assert _check(TWO, [ROWS[0], ("main0", 2, "xx")]) == {"acknowledged": 2, "lost": 1, "ghosts": 1}


def test_a_row_that_is_there_twice_is_a_duplicate() -> None:
    assert _check(TWO, [*ROWS, ROWS[1]]) == {"acknowledged": 2, "duplicates": 1}


@pytest.mark.parametrize("end", ["", "U main0 3 100.09 lost connection\n"])
@pytest.mark.parametrize("is_there", [True, False])
def test_an_unknown_outcome_may_be_either(end: str, is_there: bool) -> None:
    text = TWO + "I main0 3 100.04 cc\n" + end
    held = [*ROWS, ("main0", 3, "cc")] if is_there else ROWS
    assert _check(text, held, held) == {"acknowledged": 2, "unknown": 1}


def test_a_forged_acknowledgement_is_seen() -> None:
    assert _check(TWO + "I main0 3 100.04 cc\nO main0 3 100.05 0.01\n", ROWS) == {"acknowledged": 3, "lost": 1}


def test_the_program_that_reads_rows_runs_with_the_agents_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a text that no type checker sees; it once called a function that had changed."""
    asked: list[object] = []

    class Server:
        def __init__(self, login: connect.Login) -> None:
            asked.append(login.password)

        def __enter__(self) -> Server:
            return self

        def __exit__(self, *_: object) -> None: ...

        def query(self, statement: str) -> list[tuple[object, ...]]:
            asked.append(statement)
            return [("main0", 1, "aa")]

    monkeypatch.setattr(credentials, "read", lambda _, key: key)
    monkeypatch.setattr(connect, "connect_socket", Server)
    monkeypatch.setattr(connect, "set_read_timeout", lambda _, __: None)
    monkeypatch.setattr("sys.argv", ["-c", '["SELECT 1", "SELECT 2"]'])
    monkeypatch.setattr("sys.path", [*sys.path])
    exec(rows._PROGRAM, {})  # noqa: S102 (as the agent's container does)
    assert asked == [names.KEY_ADMIN_PASSWORD, "SELECT 1", "SELECT 2"]
    assert capsys.readouterr().out == '["main0", 1, "aa"]\n'


@pytest.mark.parametrize(
    "answer", [["x') OR (SELECT 1"], [[]], [None], [], {}, None, ["1", "2"], [float("nan")], ["\x1b[2J"]], ids=str
)
def test_what_one_member_answers_is_no_statement_on_another(answer: object) -> None:
    session, asked = Cluster(3).session(), list[str]()

    def told(pod: str, words: Sequence[str]) -> object:
        asked.append(f"{pod} {words[1]}")
        return answer

    session.client.answer = told  # type: ignore[attr-defined]
    with pytest.raises(errors.BadAnswer, match="the answer of mysql-0 to a query of the ledger cannot be read: "):
        rows.of_members(session, "mysql-0", ["mysql-0", "mysql-1"])
    assert [one.partition(" ")[0] for one in asked] == ["mysql-0"]


def test_half_a_line_and_noise_do_not_count() -> None:
    assert len(journal.parse(TWO + "nonsense\nI main0 x 1\nO main0 3 100.0")) == 4
    assert journal.digest([TWO]) != journal.digest([TWO, "x"])


def _writes(*moments: float, client: str = "main0") -> str:
    return "".join(f"I {client} {n} {at:.3f} t{n}\nO {client} {n} {at:.3f} 0.0{n}\n" for n, at in enumerate(moments, 1))


def test_the_gap_is_the_longest_of_any_client_that_ended_after_the_fault() -> None:
    text = _writes(80, 99.9, 100.1, 107.5, 107.6) + _writes(99.8, 108.0, client="main1") + _writes(90, client="beside0")
    cost = figures.of(journal.parse(text), since=100.0)
    assert cost.gap == pytest.approx(8.2)
    assert cost.first_write == pytest.approx(8.0)
    assert cost.gaps["main0"] == pytest.approx(7.4)
    assert cost.last_acknowledged["beside0"] == pytest.approx(-10.0)
    assert cost.latency == {"p50": 0.01, "p95": 0.02, "max": 0.02}


def test_the_client_that_knows_the_members_names_has_a_gap_of_its_own() -> None:
    text = _writes(99.9, 107.5) + _writes(99.8, 101.4, 101.5, client="named0")
    cost = figures.of(journal.parse(text), since=100.0)
    assert [cost.gap, cost.gap_by_name, cost.first_write] == pytest.approx([7.6, 1.6, 7.5])
    assert figures.of(journal.parse(_writes(99.9, 107.5)), since=100.0).gap_by_name is None


def test_it_has_one_too_if_it_never_comes_back() -> None:
    text = _writes(99.9, 101.0, 129.9) + _writes(99.8, client="named0")
    assert figures.of(journal.parse(text), 100.0, until=130.0).gap_by_name == pytest.approx(30.2)


def test_a_fault_that_nobody_noticed_has_a_small_gap_and_no_client_none() -> None:
    assert figures.of(journal.parse(_writes(99.9, 100.0, 100.1)), 100.0).gap == pytest.approx(0.1)
    assert figures.of([], 100.0).gap == 0.0


def test_the_longest_wait_is_that_of_one_write_without_an_answer() -> None:
    text = "I main0 1 99.0 aa\nU main0 1 104.5 timeout\n"
    assert figures.of(journal.parse(text), 100.0).longest_wait == pytest.approx(5.5)


def test_errors_with_one_retry_are_those_that_fail_again_a_second_later() -> None:
    text = "".join(
        f"I c {n} {at} t\n{kind} c {n} {at} x\n"
        for n, (at, kind) in enumerate(
            [(1.0, "O"), (2.0, "F"), (2.5, "F"), (3.2, "U"), (4.3, "O"), (9.0, "U"), (9.5, "O"), (10.5, "O")]
        )
    )
    assert figures.errors_with_one_retry(journal.writes(journal.parse(text))) == 1


def test_a_client_that_cannot_even_connect_hears_an_error() -> None:
    """A write failed at 1.0; the next that could be sent was nine seconds later."""
    text = "I main0 1 101.0 aa\nU main0 1 101.1 gone\nI main0 2 110.0 bb\nO main0 2 110.1 0.1\n"
    assert figures.of(journal.parse(text), 100.9).errors_with_one_retry == 1
    soon = text.replace("110.", "103.")
    assert figures.of(journal.parse(soon), 100.9).errors_with_one_retry == 0
    never = "I main0 1 101.0 aa\nU main0 1 101.1 gone\n"
    assert figures.of(journal.parse(never), 100.9, until=120.0).errors_with_one_retry == 1


def test_a_client_that_never_comes_back_has_the_longest_gap() -> None:
    text = _writes(100.0, 101.0, 129.5) + _writes(100.0, 100.5, client="main1")
    found = figures.of(journal.parse(text), 100.2, until=130.0, clients=["main0", "main1", "main2"])
    assert found.gaps == {"main0": 28.5, "main1": 29.5, "main2": pytest.approx(29.8)}
    assert found.gap == pytest.approx(29.8)
    assert found.first_write is None


def test_a_reader_that_died_is_told() -> None:
    lines = journal.parse("X main-5 0 100.0 OSError: no space\n" + TWO)
    assert journal.died(lines) == "main-5 died: OSError: no space"
    assert journal.died(journal.parse(TWO)) == ""


def test_a_minoritys_refused_writes_are_no_errors_of_the_service() -> None:
    refused = "".join(f"I beside0 {n} {n}.0 t\nF beside0 {n} {n}.0 x\n" for n in range(101, 110))
    assert figures.of(journal.parse(_writes(99.0, 100.5) + refused), 100.0).errors_with_one_retry == 0
    assert figures.of(journal.parse(_writes(99.0) + refused.replace("beside", "main")), 100).errors_with_one_retry == 8


def test_two_writable_members_at_once_are_seen() -> None:
    one = "W mysql-0 1 1.0\nW mysql-0 2 1.1\nR mysql-0 3 1.2\n"
    assert figures.two_writable(journal.parse(one + "R mysql-1 1 1.05\nW mysql-1 2 1.25\n")) == []
    assert figures.two_writable(journal.parse(one + "W mysql-1 1 1.05\n")) == ["1.050 mysql-1 and mysql-0"]


def test_stale_reads_and_reads_that_go_back_are_counted() -> None:
    text = (
        _writes(1.0, 2.0, 3.0) + "P main0 2 3.5 2\nP main0 3 3.6 3\nP main0 3 3.7 1\nQ main0 3 4.0 1\nQ main0 3 5 3\n"
    )
    found = figures.reads(journal.parse(text))
    assert (found.seen, found.stale, found.backwards) == (5, 1, 1)
    assert found.replica_lag == pytest.approx(2.0)
    assert figures.reads([]).replica_lag is None


@pytest.mark.parametrize(("share", "value"), [(0.5, 10), (0.95, 19), (1.0, 20), (0.01, 1)])
def test_percentiles_are_values_that_were_seen(share: float, value: int) -> None:
    assert figures.percentile(list(range(1, 21)), share) == value


ALL = frozenset({"mysql-0", "mysql-1", "mysql-2"})


def _sight(at: float, member: str, label: str, group: frozenset[str] = ALL) -> phases.Sight:
    return phases.Sight(at, member, label, "ONLINE", group)


def test_phases_are_those_of_the_others_after_the_fault() -> None:
    sights = [
        *(_sight(90.0, f"mysql-{n}", "primary" if n == 0 else "replica") for n in range(3)),
        _sight(107.3, "mysql-1", "replica", ALL - {"mysql-0"}),
        _sight(107.9, "mysql-1", "primary", ALL - {"mysql-0"}),
    ]
    lines = journal.parse("W mysql-0 1 99.9\nW mysql-0 2 100.1\nR mysql-1 1 100.1\nW mysql-1 2 107.5\n")
    found = phases.of(sights, lines, since=100.0, primary="mysql-0")
    assert found.detection == pytest.approx(7.3)
    assert found.election == pytest.approx(7.5)
    assert found.label == pytest.approx(7.9)
    assert phases.of(sights[:3], lines[:3], 100.0, "mysql-0") == phases.Phases()


def test_all_members_are_back_when_the_last_one_is_online_in_the_whole_group() -> None:
    start = [_sight(90.0, f"mysql-{n}", "replica") for n in range(3)]
    assert phases.whole(start, 100.0, sorted(ALL)) == 0.0
    gone = [*start, replace(start[0], at=101.0, state="DOWN"), _sight(107.0, "mysql-1", "primary", ALL - {"mysql-0"})]
    assert phases.whole(gone, 100.0, sorted(ALL)) is None
    back = [
        *gone,
        _sight(120.0, "mysql-1", "primary"),
        _sight(125.0, "mysql-0", "replica"),
        _sight(130.0, "mysql-9", ""),
    ]
    assert phases.whole(back, 100.0, sorted(ALL)) == pytest.approx(25.0)
    assert phases.whole(back[1:], 100.0, ["mysql-7"]) is None


def test_the_timeline_counts_writes_by_tenths_and_joins_what_members_were() -> None:
    sight = "W mysql-0 1 99.0\nW mysql-0 2 100.0\nS mysql-0 3 101.0\nS mysql-0 4 102.0\n"
    minority = "I beside0 1 100.4 x\nF beside0 1 100.5 read-only\n"
    text = _writes(99.05, 99.06, 101.55) + "I main0 9 100.2 x\nU main0 9 100.3 gone\n" + minority + sight
    line = phases.timeline(
        journal.parse(text), 100.0, 102.0, [(100.0, "fault"), (101.55, "first write"), (900.0, "no")]
    )
    assert line["writes"][round((99.05 - 97) / 0.1)] == 2
    assert sum(line["writes"]) == 3
    assert sum(line["errors"]) == 1
    assert line["events"] == [[0.0, "fault"], [1.55, "first write"]]
    assert line["members"] == {"mysql-0": [[-1.0, 1.0, "W"], [1.0, 2.0, "S"]]}

"""GTIDs order things, clocks don't: primaries, receivers and Jobs have clocks that differ by up to ten minutes
(S8, S9, S10)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mysqlops.core import backup, backup_order, binlog, pitr, receiving, retention
from mysqlops.core.gtid import Growing, GtidSet
from mysqlops.core.relay_log import Transaction
from mysqlops.errors import Refused, StorageError

_FEW = settings(max_examples=40)  # each is a whole history
OWNER = ("uid", "mysql", "shop")
GROUP, NEXT = "a471ad45-d50b-450d-9104-65c08b7c3c14", "b471ad45-d50b-450d-9104-65c08b7c3c14"
NOON = 1_795_608_000_000_000  # 2026-11-25T12:00:00Z
SECOND, SKEW = 1_000_000, 600
BLOCK = 1_000_000  # of numbers, of each member


def at(seconds: float) -> str:
    return binlog.moment(NOON + round(seconds * SECOND))


def gtids(part: Sequence[Transaction]) -> GtidSet:
    found = Growing()
    for one in part:
        found.add(one.gtid)
    return found.whole()


@dataclass(frozen=True)
class World:
    """One history: its row of commits, the clock of the primary of each, and the chunks that receivers stored."""

    log: list[Transaction]
    clocks: list[int]  # in seconds; of the primary of each commit
    spans: list[tuple[int, int]]  # of the log, in each chunk
    chunks: list[binlog.Chunk]

    def made(self, position: int, *, clock: int, **more: Any) -> backup.Backup:
        """A backup of all before that position, right after that commit; `clock` is its Job's."""
        facts: dict[str, Any] = {"cluster": "mysql", "namespace": "shop", "origin": "uid", "method": "archive"}
        facts |= {"member": "mysql-1", "role": "replica", "server_version": "9.7.4", "binlog": "b:4", "seconds": 1.0}
        facts |= {"size": 1, "tables": 1, "rows": 1, "checked": "checksum", "storage_size": "1Gi", "group": GROUP}
        facts |= {"id": f"mysql-{position}", "gtid": str(gtids(self.log[:position])), "at": at(position + clock)}
        return backup.Backup(**(facts | more))

    def committed_until(self, position: int) -> str:
        """What members whose clocks those are answer right after it."""
        return at(position + max([*self.clocks[:position], self.clocks[0]]))

    def fetched(self, chunks: Sequence[binlog.Chunk]) -> list[Transaction]:
        found = {one.id: span for one, span in zip(self.chunks, self.spans, strict=True)}
        return [one for each in chunks for one in self.log[slice(*found[each.id])]]

    def until(self, moment: str) -> int:
        """The position of the first commit after it, by the clock of its primary."""
        late = (place for place, one in enumerate(self.log) if binlog.moment(one.committed) > moment)
        return next(late, len(self.log))

    def brought(self, made: backup.Backup, moment: str) -> GtidSet:
        """What a restore holds in the end; raises Refused, StorageError."""
        reach = binlog.reach(made, self.chunks)
        point = pitr.parse(moment)
        pitr.check(point, made, reach)
        need = pitr.needed(point, reach.chunks)
        held = GtidSet.parse(made.gtid)
        return held.union(pitr.replay(point, held, self.fetched(need), need).wanted)


def _log(draw: st.DrawFn) -> tuple[list[Transaction], list[int]]:
    """One commit a second, by primaries that follow each other."""
    terms = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 8)), min_size=1, max_size=5))
    offsets = draw(st.lists(st.integers(-SKEW, SKEW), min_size=3, max_size=3))
    log: list[Transaction] = []
    clocks: list[int] = []
    given_out = [0, 0, 0]
    for member, commits in terms:
        for _ in range(commits):
            given_out[member] += 1
            committed = NOON + (len(log) + offsets[member]) * SECOND
            log.append(Transaction(f"{GROUP}:{member * BLOCK + given_out[member]}", committed))
            clocks.append(offsets[member])
    return log, clocks


@st.composite
def worlds(draw: st.DrawFn) -> World:
    log, clocks = _log(draw)
    ends = sorted({*draw(st.lists(st.integers(1, len(log)), max_size=5)), len(log)})
    spans: list[tuple[int, int]] = []
    chunks: list[binlog.Chunk] = []
    begin = draw(st.integers(0, ends[0] - 1))
    for number, end in enumerate(ends, 1):
        # Two receivers may run for a moment: the second begins with what the repository held when it looked.
        begin = draw(st.integers(max(begin, 0), begin if not spans else spans[-1][1]))
        spans.append((begin, end))
        part, receiver = log[begin:end], draw(st.integers(-SKEW, SKEW))
        moments = [binlog.moment(one.committed) for one in part]
        said = at(end - 0.5 + clocks[end - 1])
        facts = (f"mysql-binlog-{at(begin + receiver)}-{number}", "mysql", "shop", "uid", GROUP)
        chunk = binlog.Chunk(
            *facts,
            before=str(gtids(log[:begin])),
            gtid=str(gtids(part)),
            transactions=len(part),
            first=min(moments),
            last=max(moments),
            until=max(binlog.just_before(max(moments)), said),
            number=number,
        )
        chunks.append(chunk)
        begin = end if draw(st.booleans()) else begin
    return World(log, clocks, spans, chunks)


MOMENTS = st.integers(-SKEW - 5, SKEW + 60).map(at)


@_FEW
@given(worlds(), st.data())
def test_a_moment_is_all_that_comes_before_the_first_later_commit(world: World, data: st.DataObject) -> None:
    position = data.draw(st.integers(world.spans[0][0], len(world.log)))
    committed = world.committed_until(position)
    made = world.made(position, clock=data.draw(st.integers(-SKEW, SKEW)), committed=committed)
    moment = data.draw(MOMENTS)
    try:
        found = world.brought(made, moment)
    except Refused:
        # Not without reason: it may hold later ones, or what came until then may not be stored.
        assert moment < committed or moment > binlog.reach(made, world.chunks).until
        return
    assert found == gtids(world.log[: world.until(moment)])


@_FEW
@given(worlds(), st.data())
def test_a_backup_that_holds_what_came_later_is_refused_by_what_the_logs_say(world: World, data: st.DataObject) -> None:
    """Also if a primary whose clock was ahead is gone, so that none of the members asked knows."""
    position = data.draw(st.integers(world.spans[0][0], len(world.log)))
    made = world.made(position, clock=0, committed=at(-2 * SKEW))
    moment = data.draw(MOMENTS)
    shown = [one for one in world.log[world.spans[0][0] : position] if binlog.moment(one.committed) > moment]
    assume(shown)
    with pytest.raises(Refused):
        world.brought(made, moment)


@_FEW
@given(worlds(), st.data())
def test_a_chunk_that_is_missing_is_always_noticed(world: World, data: st.DataObject) -> None:
    made = world.made(world.spans[0][0], clock=0, committed=at(-2 * SKEW))
    reach = binlog.reach(made, world.chunks)
    point = pitr.parse(data.draw(st.one_of(st.just("latest"), MOMENTS)))
    need = pitr.needed(point, reach.chunks)
    assume(need)
    lost = data.draw(st.integers(0, len(need) - 1))
    rest, held = [*need[:lost], *need[lost + 1 :]], GtidSet.parse(made.gtid)
    expected = pitr.replay(point, held, world.fetched(need), need).wanted
    for counted in (need, rest):  # only its files are missing, or nobody thought of it
        try:
            found = pitr.replay(point, held, world.fetched(rest), counted).wanted
        except StorageError:
            continue
        # Others held the same, or it is the last of those that were thought of.
        assert found == expected or (counted == rest and lost == len(need) - 1)


@_FEW
@given(worlds(), st.data())
def test_a_file_that_is_missing_is_always_noticed(world: World, data: st.DataObject) -> None:
    made = world.made(world.spans[0][0], clock=0)
    point = pitr.parse(data.draw(st.one_of(st.just("latest"), MOMENTS)))
    need = pitr.needed(point, binlog.reach(made, world.chunks).chunks)
    logged, held = world.fetched(need), GtidSet.parse(made.gtid)
    assume(logged)
    lost = data.draw(st.integers(0, len(logged) - 1))
    # What another chunk holds too is not missing; that each chunk has its own files is what restic guards.
    assume([one.gtid for one in logged].count(logged[lost].gtid) == 1)
    rest = [*logged[:lost], *logged[lost + 1 :]]
    try:
        found = pitr.replay(point, held, rest, need).wanted
    except StorageError:
        return
    assert found == pitr.replay(point, held, logged, need).wanted


@_FEW
@given(worlds(), st.data())
def test_neither_ids_nor_clocks_of_receivers_order_chunks(world: World, data: st.DataObject) -> None:
    made = world.made(data.draw(st.integers(world.spans[0][0], len(world.log))), clock=0)
    named = [replace(one, id=f"c{name}") for one, name in zip(world.chunks, data.draw(_PERMUTED), strict=False)]
    shuffled = data.draw(st.permutations(named))
    here, there = binlog.reach(made, world.chunks), binlog.reach(made, shuffled)
    assert (here.gtid, here.until, here.gap, here.within) == (there.gtid, there.until, there.gap, there.within)
    assert [one.gtid for one in here.chunks] == [one.gtid for one in there.chunks]
    assert here.gtid == gtids(world.log)


_PERMUTED = st.permutations(range(10))


def _stored(chunks: Sequence[binlog.Chunk]) -> list[dict[str, Any]]:
    return [{"id": f"s{number}", "tags": binlog.tags(one)} for number, one in enumerate(chunks)]


@_FEW
@given(worlds(), st.data())
def test_pruning_forgets_no_chunk_that_a_backup_or_the_receiver_needs(world: World, data: st.DataObject) -> None:
    positions = data.draw(st.lists(st.integers(0, len(world.log)), max_size=3))
    kept = [world.made(position, clock=data.draw(st.integers(-SKEW, SKEW))) for position in positions]
    states = [replace(one, gtid="", transactions=0, until=at(SKEW)) for one in world.chunks]
    snapshots = _stored(data.draw(st.permutations([*world.chunks, *states])))
    gone = binlog.not_needed(snapshots, kept, OWNER, since=datetime.max.replace(tzinfo=UTC))
    before, after = binlog.chunks(snapshots), binlog.chunks([one for one in snapshots if one["id"] not in gone])
    for one in kept:
        here, there = binlog.reach(one, before), binlog.reach(one, after)
        assert (here.gtid, here.until) == (there.gtid, there.until)
    source = receiving.Source("uuid", GROUP, gtids(world.log), GtidSet())
    assert receiving.start(OWNER, source, kept, before).before == receiving.start(OWNER, source, kept, after).before
    assert receiving.start(OWNER, source, kept, after).before == gtids(world.log)


@_FEW
@given(worlds(), st.data())
def test_what_was_accepted_is_not_changed_by_what_comes_later(world: World, data: st.DataObject) -> None:
    """As long as the same primary commits: its clock goes on."""
    last = world.clocks[-1]
    made = world.made(world.spans[0][0], clock=0, committed=at(-2 * SKEW))
    moment = data.draw(MOMENTS)
    try:
        found = world.brought(made, moment)
    except Refused:
        return
    more = [Transaction(f"{GROUP}:{9 * BLOCK + n}", NOON + (len(world.log) + n + last) * SECOND) for n in range(9)]
    moments = [binlog.moment(one.committed) for one in more]
    facts = replace(world.chunks[-1], id="next", before=str(gtids(world.log)), gtid=str(gtids(more)), number=99)
    chunk = replace(facts, first=min(moments), last=max(moments), until=binlog.just_before(max(moments)))
    span = (len(world.log), len(world.log) + len(more))
    later = World([*world.log, *more], world.clocks, [*world.spans, span], [*world.chunks, chunk])
    assert later.brought(made, moment) == found


@_FEW
@given(worlds(), st.integers(1, 9))
def test_a_history_is_not_brought_forward_by_the_one_that_follows_it(world: World, given_up: int) -> None:
    """Members were given up: the group goes on under another name, with less than the old one's chunks hold."""
    made = world.made(world.spans[0][0], clock=0)
    begin = max(0, len(world.log) - given_up)
    before, came = gtids(world.log[:begin]), GtidSet.parse(f"{NEXT}:1-5")
    new = binlog.Chunk("new", "mysql", "shop", "uid", NEXT, str(before), str(came), 5, number=99, until=at(900))
    reach = binlog.reach(made, [new, *world.chunks])
    assert reach == binlog.reach(made, world.chunks)
    assert not binlog.can_reach_now(new, [made], world.chunks)
    source = receiving.Source("uuid", NEXT, before.union(came), GtidSet())
    start = receiving.start(OWNER, source, [made], world.chunks)
    assert start.before == source.executed
    assert NEXT in start.gap
    # From its own chunk on, and from a backup of its own, it goes on as ever.
    assert receiving.start(OWNER, source, [made], [new, *world.chunks]).before == new.after
    own = world.made(begin, clock=0, group=NEXT)
    assert binlog.reach(own, [new, *world.chunks]).gtid == new.after
    # One that was copied before the change, and noted after it, holds what the new history does not.
    late = world.made(len(world.log), clock=0, group=NEXT)
    assert "not in the history" in binlog.reach(late, [new]).gap


def _chunk(number: int, before: str, gtid: str, **more: Any) -> binlog.Chunk:
    facts = ("uid", GROUP, f"{GROUP}:{before}", f"{GROUP}:{gtid}" if gtid else "")
    return replace(binlog.Chunk(f"c{number}", "mysql", "shop", *facts, number=number), **more)


def test_a_receiver_that_was_cut_off_cannot_lend_what_the_history_does_not_have() -> None:
    made = World([], [0], [], []).made(0, clock=0, gtid=f"{GROUP}:1-10")
    lone = _chunk(1, "1-10", "11-21", first=at(1), last=at(2), until=at(2))
    others = [_chunk(2, "1-10", "11-20"), _chunk(3, "1-20", "22-30", first=at(3), last=at(4), until=at(4))]
    found = binlog.reach(made, [lone, *others])
    assert (str(found.gtid), found.until) == (f"{GROUP}:1-21", at(2))
    assert "1 transactions are not in the history that c3 continues" in found.gap
    assert binlog.reach(made, others).gap == ""


def test_a_moment_at_which_another_commit_may_still_come_is_not_accepted() -> None:
    """The last commit is of a primary whose clock was ahead: its successor may commit at the very same time."""
    made = World([], [0], [], []).made(0, clock=0, gtid=f"{GROUP}:1-10", committed=at(0))
    log = [Transaction(f"{GROUP}:11", NOON + 9 * SECOND), Transaction(f"{GROUP}:12", NOON + 5 * SECOND)]
    chunk = _chunk(1, "1-10", "11-12", first=at(5), last=at(9), until=at(6))
    reach = binlog.reach(made, [chunk])
    with pytest.raises(Refused):
        pitr.check(pitr.parse(at(9)), made, reach)
    pitr.check(pitr.parse(reach.until), made, reach)
    assert pitr.replay(pitr.parse(reach.until), GtidSet.parse(made.gtid), log, [chunk]).stop == log[0]


def test_the_clock_of_the_primary_that_commits_says_until_when_a_chunk_is_complete() -> None:
    held, chunk = GtidSet.parse(f"{GROUP}:1-10"), _chunk(1, "1-10", "")
    ahead = receiving.Asked("ahead", at(600), held)
    said = receiving.said(receiving.Asked(), ahead, chunk, receiving.Source("ahead", GROUP, held, GtidSet()))
    assert said == ahead
    behind = receiving.Source("behind", GROUP, held, GtidSet())
    assert receiving.said(said, ahead, chunk, behind) == receiving.Asked()
    asked = receiving.Asked("behind", at(5), held)
    assert receiving.said(receiving.Asked(), asked, chunk, behind) == asked
    # What is not received yet is not complete.
    more = receiving.Asked("behind", at(9), GtidSet.parse(f"{GROUP}:1-11"))
    assert receiving.said(asked, more, chunk, behind) == asked


def test_of_two_chunks_that_end_alike_the_later_one_says_until_when_they_are_complete() -> None:
    made = World([], [0], [], []).made(0, clock=0, gtid=f"{GROUP}:1-10")
    first = _chunk(1, "1-5", "6-10", first=at(0), last=at(1), until=at(600))  # of a primary whose clock was ahead
    second = _chunk(2, "1-10", "", until=at(30))
    assert binlog.reach(made, [first]).until == at(600)
    assert binlog.reach(made, [second, first]).until == at(30)
    third = _chunk(3, "1-10", "", until=at(900))
    assert binlog.reach(made, [third, second, first]).until == at(900)
    # That it went back is a later state too.
    idle = [replace(second, until=at(600), revision=1), replace(second, until=at(40), revision=2)]
    assert [one.until for one in binlog.chunks(_stored(idle))] == [at(40)]


def test_a_new_primary_that_has_still_to_apply_what_it_received_is_no_gap() -> None:
    executed, received = GtidSet.parse(f"{GROUP}:1-10"), GtidSet.parse(f"{GROUP}:11-20")
    chunk = _chunk(1, "1-5", "6-20", until=at(1))
    source = receiving.Source("new", GROUP, executed, GtidSet(), received)
    assert receiving.not_on_because(chunk, chunk.came, source) == ""
    assert receiving.start(OWNER, source, [], [chunk]) == receiving.Start(chunk.after, number=2)
    # What it has not certified it cannot name: wait; when it has, what is missing is lost.
    unsettled = receiving.Source("new", GROUP, executed, GtidSet(), is_settled=False)
    assert receiving.not_on_because(chunk, chunk.came, unsettled) is None
    assert "does not have" in (receiving.not_on_because(chunk, chunk.came, replace(unsettled, is_settled=True)) or "")
    assert "another group" in (receiving.not_on_because(replace(chunk, group=NEXT), chunk.came, source) or "")


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-SKEW, SKEW)), min_size=1, max_size=9), st.integers(1, 3))
def test_the_backup_that_holds_most_is_the_newest_whatever_its_clock_said(
    made: list[tuple[int, int]], last: int
) -> None:
    world = World([Transaction(f"{GROUP}:{n}", NOON) for n in range(1, 51)], [0], [], [])
    there = [world.made(position, clock=clock, id=f"b{n}") for n, (position, clock) in enumerate(made)]
    found = [GtidSet.parse(one.gtid) for one in backup_order.newest_first(there)]
    assert all(less.is_subset(more) for more, less in itertools.pairwise(found))
    gone = retention.expired(there, retention.Policy(last=last), datetime(2027, 1, 1, tzinfo=UTC), has_key=False)
    stays = [one for one in there if one not in gone]
    counts = sorted((position for position, _ in made), reverse=True)
    assert sorted((GtidSet.parse(one.gtid).count() for one in stays), reverse=True) == counts[:last]


def test_a_backup_whose_commits_are_unknown_is_taken_for_a_quarter_of_an_hour_newer() -> None:
    made = World([], [0], [], []).made(0, clock=0, gtid=f"{GROUP}:1-10")
    assert pitr.committed_until(made) == at(900)
    assert pitr.committed_until(replace(made, committed=at(1))) == at(1)

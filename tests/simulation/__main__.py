"""scripts/simulate: many worlds, a summary, and a short story of each failing seed."""

from __future__ import annotations

import argparse
import gc
import itertools
import multiprocessing
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tests.simulation import run, scenarios


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--scenario", choices=sorted(scenarios.ALL), action="append")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="print the whole trace of each world")
    parser.add_argument("--stories", type=int, default=1, help="of how many seeds of each kind of violation")
    options = parser.parse_args()
    chosen = options.scenario or sorted(scenarios.ALL)
    seeds = range(options.first, options.first + options.seeds)
    summary = Summary(options.trace, options.stories)
    gc.freeze()  # between worlds, the collector need not look at what was imported
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())  # the summary comes after the world that runs
    began = time.monotonic()
    for result in _results(itertools.product(seeds, chosen), options.jobs):
        summary.add(result)
        if ended.is_set() or time.monotonic() - began > options.minutes * 60:
            break
    summary.show(time.monotonic() - began)
    return 1 if summary.violations else 0


def _one(what: tuple[int, str]) -> run.Result:
    return run.run(*what)


def _results(work: Iterable[tuple[int, str]], jobs: int) -> Iterator[run.Result]:
    if jobs == 1:
        yield from map(_one, work)
        return
    with multiprocessing.get_context("fork").Pool(jobs, _end_at_once) as pool:
        yield from pool.imap_unordered(_one, work, chunksize=4)


def _end_at_once() -> None:
    """A worker of the pool, which ends by SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Summary:
    """Counts of all worlds, and the stories of the first ones that failed."""

    def __init__(self, traces: bool, stories: int) -> None:
        self._traces, self._stories = traces, stories
        self.worlds, self.acknowledged, self.simulated = 0, 0, 0.0
        self.faults: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.violations: dict[str, list[tuple[int, str]]] = {}
        self.outside: Counter[str] = Counter()

    def add(self, result: run.Result) -> None:
        self.worlds += 1
        self.acknowledged += result.acknowledged
        self.simulated += result.seconds
        self.faults.update(result.faults)
        self.commands.update(result.commands)
        for words in result.outside:
            self.outside[words[:110]] += 1
        if self._traces:
            _print(f"{'=' * 20} seed {result.seed} {result.scenario}")
            _print("\n".join(f"{at:7.2f}  {text}" for at, text in result.trace))
        if result.violations:
            found = self.violations.setdefault(result.kind(), [])
            found.append((result.seed, result.scenario))
            _print(f"seed {result.seed} {result.scenario}: {result.violations[0][1][:240]}")
            if len(found) <= self._stories:
                _print(run.story(run.shrink(result)))
                _print(f"again: scripts/simulate --from {result.seed} --seeds 1 --scenario {result.scenario} --trace\n")

    def show(self, seconds: float) -> None:
        each = 1000 * seconds / max(1, self.worlds)
        _print(
            f"{self.worlds} worlds in {seconds:.0f} s ({each:.0f} ms each), {self.simulated:.0f} simulated seconds, "
            f"{self.acknowledged} acknowledged writes"
        )
        _print("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items())))
        _print("commands: " + ", ".join(f"{kind} {count}" for kind, count in sorted(self.commands.items())))
        for kind, count in self.outside.most_common(12):
            _print(f"not whole at the end: {count} times {kind}")
        for kind, found in sorted(self.violations.items()):
            first = ", ".join(f"{seed} ({scenario})" for seed, scenario in found[:8])
            _print(f"VIOLATION {kind}: {len(found)} worlds, first {first}")


def _print(text: Any) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Run programs, tell progress, wait."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_STARTED = time.monotonic()


class LabError(Exception):
    """A sentence for the user: what went wrong, and what to do."""


def tell(message: str) -> None:
    print(f"[lab {time.monotonic() - _STARTED:6.1f}s] {message}", file=sys.stderr, flush=True)


def run(*command: str | Path, check: bool = True, stdin: str | Path | None = None, timeout: float = 1800) -> str:
    """Run to the end and return stdout. `stdin` is a text, or the path of a file to read."""
    words = [str(word) for word in command]
    try:
        done = _run(words, stdin, timeout)
    except FileNotFoundError as error:
        raise LabError(f"{words[0]}: not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(words)[:120]}: not done after {timeout:.0f} s") from error
    if check and done.returncode:
        tail = " | ".join((done.stderr or done.stdout).strip().splitlines()[-4:])
        raise LabError(f"{' '.join(words)[:160]}: exit {done.returncode}: {tail[-900:]}")
    return done.stdout


def _run(words: list[str], stdin: str | Path | None, timeout: float) -> subprocess.CompletedProcess[str]:
    if isinstance(stdin, Path):
        with stdin.open("rb") as file:
            return subprocess.run(words, stdin=file, capture_output=True, text=True, timeout=timeout, check=False)
    if stdin is not None:
        return subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    # Never the terminal's input: a program that asks something would hang the lab.
    null = subprocess.DEVNULL
    return subprocess.run(words, stdin=null, capture_output=True, text=True, timeout=timeout, check=False)


def pipe(producer: Sequence[str | Path], consumer: Sequence[str | Path]) -> None:
    """`producer | consumer`, and either one's failure is an error."""
    first, second = [str(word) for word in producer], [str(word) for word in consumer]
    with subprocess.Popen(first, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:
        done = subprocess.run(second, stdin=source.stdout, capture_output=True, text=True, check=False)
        if source.stdout:
            source.stdout.close()
        complaint = source.stderr.read().decode(errors="replace") if source.stderr else ""
    for words, code, text in ((second, done.returncode, done.stderr), (first, source.returncode, complaint)):
        if code:
            raise LabError(f"{' '.join(words)[:160]}: exit {code}: {text.strip()[-400:]}")


def succeeds(*command: str | Path) -> bool:
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def wait_until(ready: Callable[[], bool], what: str, *, seconds: float, pause: float = 0.3) -> None:
    """Poll; raises LabError that names what was waited for."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            hint = "`scripts/lab status` and /var/log/lab in a node (docker exec) tell more"
            raise LabError(f"{what}: not after {seconds:.0f} s; {hint}")
        time.sleep(pause)


def all_of(actions: Sequence[Callable[[], object]]) -> None:
    """Run the actions at once, each in a thread; the first error is raised after all have ended."""
    with ThreadPoolExecutor(max(1, len(actions))) as pool:
        for future in [pool.submit(action) for action in actions]:
            future.result()

"""What the pages hold: commands, console sessions, links and the paths they name."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), ROOT / "scripts" / "labkit" / "README.md"]
GENERATED = {DOCS / "reference" / "cli.md", DOCS / "reference" / "rbac.md"}


@dataclass(frozen=True)
class Step:
    """One command of a console session, and what the page shows as its output."""

    command: str
    output: tuple[str, ...]
    written: tuple[str, ...] = ()  # the command's lines as they stand on the page


def session(page: Path) -> list[Step]:
    """The steps of a page's ```console blocks, in order. A backslash goes on with the command, as in a shell."""
    steps: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^(?=\$ )", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines()
            end = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
            command = " ".join(line.removeprefix("$ ").removesuffix("\\").strip() for line in lines[:end])
            steps.append(Step(command, tuple(lines[end:]), tuple(lines[:end])))
    return steps


def commands(page: Path) -> list[list[str]]:
    """The words of each `mysqlops …` line in code blocks, without comments and what the shell does with its output."""
    text = page.read_text()
    blocks = re.findall(r"^```(?:console|sh|shell)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    blocks += re.findall(
        r"(?:^ {4}.*\n)+", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    found = []
    for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
        match = re.match(r"\s*(?:\$ )?(?:\w+=\S+ )*mysqlops (.*)", line)
        if match:
            lexer = shlex.shlex(match[1], posix=True, punctuation_chars="|>&;")
            lexer.whitespace_split, lexer.commenters = True, "#"
            words = list(lexer)
            ends = [number for number, word in enumerate(words) if set(word) <= set("|>&;")]
            found.append(words[: ends[0]] if ends else words)
    return found


def mentioned(page: Path) -> list[list[str]]:
    """The words of each `mysqlops …` within a page's text, which may hold placeholders."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [found.split() for found in re.findall(r"`mysqlops\s+([^`]+)`", text)]


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, moments, identifiers, padding, bars and rules."""
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "#", line)
    line = re.sub(r"\d[\d.:TZ-]*", "#", line)
    line = re.sub(r"[-+─━═]{3,}", "---", line)
    return " ".join(line.split())

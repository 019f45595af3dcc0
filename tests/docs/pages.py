"""What the pages hold: commands, console sessions, links and the paths they name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("scripts/labkit", "tests")),
]
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


@dataclass(frozen=True)
class Command:
    """One `mysqlops …` line of a page, and the file that its output goes to."""

    words: tuple[str, ...]
    into: str = ""

    def __str__(self) -> str:
        return shlex.join(("mysqlops", *self.words))


def blocks(page: Path) -> list[list[Command]]:
    """The `mysqlops …` lines of each code block, without comments and what the shell does with their output."""
    text = page.read_text()
    found = re.findall(r"^ *```(?:console|sh|shell)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    found += re.findall(
        r"(?:^ {4}.*\n)+", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return [block for one in found if (block := _commands(one))]


def _commands(block: str) -> list[Command]:
    found = []
    for line in block.replace("\\\n", " ").splitlines():
        if match := re.match(r"\s*(?:\$ )?(?:\w+=\S+ )*mysqlops (.*)", line):
            found.append(command(match[1]))
    return found


def kubectl(page: Path) -> list[str]:
    """The shell commands of a page in which kubectl has an object: those of code blocks, and those within its text."""
    text = page.read_text()
    fenced = re.compile(r"^ *```(\w*)\n(.*?)^ *```\n", re.MULTILINE | re.DOTALL)
    found = [block for kind, block in fenced.findall(text) if kind in ("console", "sh", "shell")]
    text = fenced.sub("", text)
    indented = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
    found += indented.findall(text)
    lines = [line for block in found for line in _joined(block) if re.search(r"(?<![\w#.-])kubectl ", line)]
    inline = [" ".join(one.split()) for one in re.findall(r"`(kubectl\s[^`]+)`", indented.sub("", text))]
    return [*lines, *(one for one in inline if one not in FRAGMENTS)]


FRAGMENTS = {  # names of a verb, without an object
    *("kubectl scale", "kubectl scale --replicas 0", "kubectl scale --replicas 2", "kubectl exec", "kubectl patch"),
    *("kubectl delete pvc", "kubectl delete pod", "kubectl apply", "kubectl apply -k", "kubectl mysqlops"),
    *("kubectl mysqlops …",),
}


def _joined(block: str) -> list[str]:
    """The commands of a block: a backslash goes on with one, and so does an open brace."""
    text = re.sub(
        r"\\\n\s*", "", re.sub(r"\{ (?:[^{}]|\{[^{}]*\})*\}", lambda found: found[0].replace("\n", "; "), block)
    )
    return [re.sub(r"^\$ ", "", line.strip()) for line in text.splitlines()]


def examples() -> list[Command]:
    """The `mysqlops …` lines of the help texts, as the CLI reference shows them."""
    text = (DOCS / "reference" / "cli.md").read_text()
    helps = re.findall(r"^```text\n(.*?)^```", text.replace("\\\n", " "), re.MULTILINE | re.DOTALL)
    return [command(line) for one in helps for line in re.findall(r"^    mysqlops (.*)$", one, re.MULTILINE)]


def command(line: str) -> Command:
    """What a shell would make of the rest of a line after `mysqlops`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>&;")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words = list(lexer)
    end = next((number for number, word in enumerate(words) if set(word) <= set("|<>&;")), len(words))
    return Command(tuple(words[:end]), words[end + 1] if words[end : end + 1] == [">"] else "")


def commands(page: Path) -> list[list[str]]:
    """The words of each `mysqlops …` line in code blocks."""
    return [[*one.words] for block in blocks(page) for one in block]


def mentioned(page: Path) -> list[list[str]]:
    """The words of each `mysqlops …` within a page's text, which may hold placeholders."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [found.split() for found in re.findall(r"`mysqlops\s+([^`]+)`", text)]


FREE = "…"  # a line of a page that stands for any lines


def compared(shown: Sequence[str], seen: Sequence[str]) -> str:
    """Why the output has another shape than the page says; empty if it has not."""
    wanted, rest = [shape(line) for line in shown], [shape(line) for line in seen]
    for number, line in enumerate(wanted):
        if line == FREE:
            continue
        if line not in rest:
            return f"no line like: {shown[number]}"
        if rest.index(line) and wanted[number - 1 : number] != [FREE]:
            return f"not shown: {seen[len(seen) - len(rest)]}"
        rest = rest[rest.index(line) + 1 :]
    return f"not shown: {seen[len(seen) - len(rest)]}" if rest and wanted[-1:] != [FREE] else ""


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, units, moments, identifiers, padding, bars and rules."""
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "#", line)
    line = re.sub(r"\d[\d.:TZ-]*", "#", line)
    line = re.sub(r"#(B|[KMGT]iB)\b", "#", line)
    line = re.sub(r"[-+─━═]{3,}", "---", line)
    return " ".join(line.split())

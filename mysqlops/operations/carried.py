"""The pages and runbook scripts that a release carries: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mysqlops import errors
from mysqlops.core import nearest

_ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_PAGE = re.compile(r"docs/runbooks/([a-z-]+)\.md")
_SCRIPT = re.compile(r"scripts/runbooks/([a-z-]+)\.sh")
_MYSQL_ROW = re.compile(r"^\| `(MY-\d{6})` \| (.+) \| (.+) \|$", re.MULTILINE)
_PAGE_OF_CODES = re.compile(r"^\| \[([a-z-]+)\]\(\S+\) \| (.+) \|$", re.MULTILINE)
_CLIENTS = re.compile(r"[1-9][0-9]{3,5}")  # a server may answer a number of any length
_NUMBER = re.compile(r"^# (?:\d+\. )?")  # of a heading; the page's name has it too
_COMMON = '. "$(dirname "$0")/common.sh"\n'
_FOLDERS = {
    "tutorial": "Tutorial",
    "how-to": "Tasks",
    "runbooks": "Situations",
    "reference": "Reference",
    "explanation": "Background",
    "measurements": "Measurements",
    "adr": "Decisions",
}


@dataclass(frozen=True)
class Page:
    """`path` is that below docs/, without its suffix."""

    path: str
    text: str


def runbooks() -> dict[str, str]:
    """What each runbook is for, by name: the first sentence of its script."""
    return {file.stem: _first_sentence(file.read_text(encoding="utf-8")) for file in _scripts()}


def runbook(name: str) -> str:
    """The script, whole: what it shares with others is in it. Raises ConfigError for a name that is none."""
    found = {file.stem: file for file in _scripts()}
    if name not in found:
        raise errors.ConfigError(_no("runbook", name, found), hint="`mysqlops runbook` lists them")
    shared = (found[name].parent / "common.sh").read_text(encoding="utf-8")
    text = found[name].read_text(encoding="utf-8")
    if _COMMON not in text:
        raise errors.ConfigError(f"runbook {name} does not read common.sh")
    text = _PAGE.sub(r"See `mysqlops explain \1`.", text)
    return text.replace(_COMMON, shared.replace("# shellcheck shell=sh\n", ""))


def explain(word: str) -> str:
    """What the pages say of a code, an exit status or a page's name, as text; raises ConfigError if nothing does."""
    entries = [*_entries(word)]
    if page := _paged().get(word):
        entries = [*(entries or [f"{word} (alert)\n"]), f"  See `mysqlops explain {page}`.\n"]
    if known := mysql_code(word):
        entries.append(f"{_padded(word)} (MySQL)\n  {known}\n")
    if entries:
        return "\n".join(entries)
    found = [page for page in pages() if word in (page.path, page.path.rpartition("/")[2])]
    if not found:
        names = [*codes(), *(page.path.rpartition("/")[2] for page in pages())]
        raise errors.ConfigError(_no("code or page", word, names), hint="`mysqlops explain` lists codes and pages")
    return "\n".join(readable(page.text) for page in found)


def _no(what: str, name: str, known: Iterable[str]) -> str:
    asked = nearest.question(name, known)
    return f"no {what} {name}{f'; {asked}' if asked else ''}"


def codes() -> list[str]:
    """Every code and exit status in the order of the page, then the alerts."""
    return list(dict.fromkeys([*(name for _, names, _ in _rows() for name in names), *_paged()]))


def contents() -> dict[str, dict[str, str]]:
    """Everything that can be explained, by section: each name, and what it is about."""
    found: dict[str, dict[str, str]] = {title: {} for title in [*_FOLDERS.values()][:-1]}
    for heading, names, cells in _rows():
        status, meant = names[0].isdecimal(), readable(cells[-1])
        about = f"{', '.join(names[1:])}: {meant}" if status and names[1:] else meant
        section = found.setdefault(heading.replace("`", ""), {})
        section.update(dict.fromkeys(names[:1] if status else names, about))
    known = {name for _, names, _ in _rows() for name in names}
    found["Alerts"] = {code: f"`mysqlops explain {page}`" for code, page in _paged().items() if code not in known}
    found[_FOLDERS["adr"]] = {}
    for page in pages():
        folder, _, name = page.path.rpartition("/")
        if name != "README":
            found[_FOLDERS[folder]][name] = _NUMBER.sub("", page.text.partition("\n")[0])
    return found


def mysql_code(code: str) -> str:
    """What one of MySQL's codes means and what to do about it; empty if the page does not list it."""
    return _mysql_codes().get(_padded(code), "")


def _padded(code: str) -> str:
    """MY-001062 from 1062 too: clients show numbers, logs show codes."""
    return f"MY-{int(code):06d}" if _CLIENTS.fullmatch(code) else code.upper()


@cache
def _mysql_codes() -> dict[str, str]:
    text = next((page.text for page in pages() if page.path.rpartition("/")[2] == "mysql-errors"), "")
    return {found[1]: readable(f"{found[2]}; {found[3]}") for found in _MYSQL_ROW.finditer(text)}


@cache
def pages() -> tuple[Page, ...]:
    """Every page; they are read once."""
    folder = _folder("_docs", "docs")
    files = sorted(folder.rglob("*.md"))
    return tuple(
        Page(str(file.relative_to(folder).with_suffix("")), file.read_text(encoding="utf-8")) for file in files
    )


def readable(text: str) -> str:
    """Without links and paths: what they lead to is named by the command that shows it."""
    return _SCRIPT.sub(r"mysqlops runbook --run \1", _LINK.sub(_without_link, text))


def _entries(word: str) -> Iterator[str]:
    for heading, found, cells in _rows():
        if word in found:
            # The row's last cell says what it means; a status names its codes too.
            shown = f"{heading}: {', '.join(found)}" if len(found) > 1 else heading
            yield f"{word} ({shown})\n  {readable(cells[-1])}\n"


@cache
def _paged() -> dict[str, str]:
    """The page that says more about each code than its row does; alerts have no row."""
    text = next(page.text for page in pages() if page.path == "runbooks/codes")
    return {code: page for page, row in _PAGE_OF_CODES.findall(text) for code in re.findall(r"`([\w-]+)`", row)}


def _rows() -> Iterator[tuple[str, list[str], list[str]]]:
    """Heading, codes and cells of each row of errors.md."""
    text = next(page.text for page in pages() if page.path.rpartition("/")[2] == "errors")
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
        found = [cell for cell in cells[:1] if cell.isdigit()] + re.findall(r"`([A-Za-z-]+)`", " ".join(cells[:-1]))
        if found:
            yield heading, found, cells


def _without_link(found: re.Match[str]) -> str:
    text, target = found.groups()
    path = target.partition("#")[0]
    if not path.endswith(".md") or ":" in target:
        return text
    return f"`mysqlops explain {Path(path).stem}`"


def _scripts() -> list[Path]:
    return [file for file in sorted(_folder("_runbooks", "scripts/runbooks").glob("*.sh")) if file.stem != "common"]


def _first_sentence(script: str) -> str:
    lines = script.splitlines()[1:]
    comment = " ".join(
        line[2:] for line in lines[: next(i for i, line in enumerate(lines) if not line.startswith("# "))]
    )
    return re.split(r"(?<=[.;:]) ", comment)[0].rstrip(";:")


def _folder(packaged: str, beside: str) -> Path:
    found = _ROOT / "mysqlops" / packaged
    return found if found.is_dir() else _ROOT / beside

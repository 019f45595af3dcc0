"""Paths and modules that a text names exist: in docs, docstrings, comments, manifests, scripts and messages."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import DOCS, PAGES, ROOT

# Pages that tell of another time, and tests that make files up.
_OF_ANOTHER_TIME = ("CHANGELOG.md", "docs/adr/", "docs/measurements/", "tests/docs/")
_FOLDERS = ("", "mysqlops/", "tests/", "tests/simulation/", "scripts/", "scripts/labkit/", "manifests/")
_PATH = re.compile(r"(?<![\w/.:{}<>*$~-])((?:[\w-]+/)+[\w-]+\.(?:py|md|sh|yaml|jsonl|cnf))\b")
_ADR = re.compile(r"\badr/(\d{4})")
_SCRIPT = re.compile(r"(?<![\w/.-])scripts/[a-z][\w-]*(?![\w./*-])")
_MODULE = re.compile(r"python3? -m ((?:mysqlops|tests|labkit)[\w.]*)")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#([^)]*))?\)|\]\(#([^)]*)\)")


def texts() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.endswith((".py", ".md", ".yaml", ".sh", ".toml", ".cnf")) or name.startswith("scripts/"):
            file = ROOT / name
            if file.is_file() and not name.startswith(("scripts/labkit/go/", *_OF_ANOTHER_TIME)):
                yield name, file.read_text(encoding="utf-8")


def missing(name: str, text: str) -> list[str]:
    """What the text of that file names and is not there."""
    beside = str(Path(name).parent) + "/"
    found = [
        path
        for path in map(_unpacked, _PATH.findall(text))
        if not any((ROOT / folder / path).exists() for folder in (*_FOLDERS, beside))
    ]
    found += [f"adr/{number}" for number in _ADR.findall(text) if not list(DOCS.glob(f"adr/{number}-*.md"))]
    found += [script for script in _SCRIPT.findall(text) if not (ROOT / script).exists()]
    return found + [module for module in _MODULE.findall(text) if not _is_module(module.rstrip("."))]


def _unpacked(path: str) -> str:
    """Where a file that a wheel carries (hatch_build.py) lies in a checkout."""
    for packaged, folder in (("_manifests", "manifests"), ("_docs", "docs"), ("_runbooks", "scripts/runbooks")):
        path = path.replace(f"mysqlops/{packaged}/", f"{folder}/")
    return path


def _is_module(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def anchors(page: Path) -> set[str]:
    """The headings' names, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere, anchors included."""
    found = []
    for path, anchor, own in _LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        name = anchor or own
        if not target.exists() or (name and target.suffix == ".md" and name not in anchors(target)):
            found.append(f"{path}#{name}" if name else path)
    return found


def test_every_link_leads_somewhere() -> None:
    assert {str(page): links for page in PAGES if (links := broken(page))} == {}


def test_every_path_and_module_named_exists() -> None:
    assert {name: lost for name, text in texts() if (lost := missing(name, text))} == {}


def test_every_page_is_on_the_map() -> None:
    """docs/README.md leads to each folder's index, and that to each of its pages."""
    indices = {DOCS / "README.md", *(folder / "README.md" for folder in DOCS.iterdir() if folder.is_dir())}
    reached = {
        (index.parent / path).resolve() for index in indices for path, _, _ in _LINK.findall(index.read_text()) if path
    }
    assert {str(page.relative_to(DOCS)) for page in {*DOCS.rglob("*.md")} - {DOCS / "README.md"} - reached} == set()


def test_the_checks_see_what_is_missing(tmp_path: Path) -> None:
    text = "agent/nothing.py docs/cli.md adr/9999 scripts/nothing `python -m mysqlops.nothing` agent/loop.py"
    assert missing("README.md", text) == [
        *("agent/nothing.py", "docs/cli.md", "adr/9999", "scripts/nothing", "mysqlops.nothing")
    ]
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading: here\n[a](#a-heading-here) [b](#nothing) [c](gone.md) [d](page.md#gone) [e](http://x)\n"
    )
    assert broken(page) == ["#nothing", "gone.md", "page.md#gone"]

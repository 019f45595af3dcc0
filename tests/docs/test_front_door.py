"""What users of a released package meet first: its names, pages and scripts."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mysqlops import __main__, errors
from mysqlops.cli.main import run
from mysqlops.operations import carried
from mysqlops.version import __version__
from tests.docs import sources

_ROOT = Path(__file__).parents[2]


def test_the_plugin_of_kubectl_says_how_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl-mysqlops", "version", "--help"])
    with pytest.raises(SystemExit) as ended:
        __main__.plugin()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: kubectl mysqlops version ")


def test_the_changelog_has_the_version() -> None:
    (newest, *_) = re.findall(r"^## \[(\d\S*)\]", (_ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == __version__


def test_the_changelog_of_the_next_version_can_be_read_at_one_sitting() -> None:
    """It is for users: what they see, by kind. What changes an entry that is not released yet is written into it."""
    page = (_ROOT / "CHANGELOG.md").read_text()
    _, _, newest = page.partition("## [Unreleased]\n")
    unreleased, _, _ = newest.partition("\n## [")
    kinds = re.findall(r"^### (.+)$", unreleased, re.MULTILINE)
    allowed = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    assert kinds == [kind for kind in allowed if kind in kinds], "each kind once, in this order"
    assert len(unreleased.splitlines()) <= 150, "join entries about one subject"
    entries = re.findall(r"^- .*(?:\n  .*)*", unreleased, re.MULTILINE)
    assert [entry for entry in entries if entry.count("\n") > 3] == [], "one thought an entry"


def test_a_runbook_is_one_script_that_needs_no_other_file(capsys: pytest.CaptureFixture[str]) -> None:
    names = {file.stem for file in (_ROOT / "scripts" / "runbooks").glob("*.sh")} - {"common"}
    assert set(carried.runbooks()) == names
    for name in names:
        assert run(["runbook", name]) == 0
        script = capsys.readouterr().out
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
        assert "state() {" in script
        assert "/common.sh" not in script
        assert "docs/" not in script


def test_every_runbook_has_a_page_and_a_test_and_uses_mysqlops_alone() -> None:
    """Here and not beside the tests themselves: those need a cluster, and run seldom. A page may have no script."""
    folder = _ROOT / "scripts" / "runbooks"
    scripts = {file.stem for file in folder.glob("*.sh")} - {"common"}
    tests = (_ROOT / "tests" / "cluster" / "test_runbooks.py").read_text()
    assert scripts == set(re.findall(r'book\(\w+, "([a-z-]+)"', tests))
    assert scripts <= {page.stem for page in (_ROOT / "docs" / "runbooks").glob("*.md")}
    for file in folder.glob("*.sh"):
        lines = [line.split() for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
        assert not [line for line in lines if line[0] in ("kubectl", "docker", "mysql")], file


def test_a_runbook_runs_with_its_arguments_and_ends_as_its_script_does(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["runbook", "primary-lost", "--run"]) == 2
    assert "usage: primary-lost.sh NAME" in capfd.readouterr().err


def test_an_unknown_runbook_or_code_names_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runbook", "nothing"]) == errors.ConfigError.exit_code
    assert "`mysqlops runbook` lists them" in capsys.readouterr().err
    assert run(["explain", "nothing"]) == errors.ConfigError.exit_code
    assert "`mysqlops explain` lists codes and pages" in capsys.readouterr().err


def test_the_list_says_what_each_code_and_page_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of bare names helps nobody who does not know them yet."""
    assert run(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    entries = {line.split()[0]: line.split(maxsplit=1)[1:] for line in lines if line.startswith("  ")}
    assert [name for name, about in entries.items() if not about] == []
    assert {*carried.codes()} <= {*re.findall(r"[\w-]+", "\n".join(lines))}
    assert entries["first-cluster"] == ["Your first cluster"]
    assert entries["7"] == ["`drill`: a round did not keep the SLO; the results are printed and written"]
    assert entries["30"][0].startswith("repository: a backup's repository refused")
    assert entries["MysqlNoPrimary"] == ["`mysqlops explain primary-lost`"]
    heads = [line for line in lines if line and not line.startswith(" ")]
    assert heads[0] == "Tutorial"
    assert heads[-1] == "Decisions"


def test_each_code_and_page_is_explained() -> None:
    for code in carried.codes():
        assert carried.explain(code).startswith(f"{code} ("), code
    assert "transactions that no ONLINE member has" in carried.explain("only-copy")
    assert carried.explain("rotation-open").count("rotation-open (") == 2
    assert "`mysqlops explain versions`" in carried.explain("version-path")
    assert carried.explain("versions").startswith("# Versions")
    assert "    mysqlops runbook --run primary-lost NAME" in carried.explain("primary-lost")
    assert carried.explain("3").startswith("3 (")


def test_each_refusal_condition_alert_and_event_has_one_page() -> None:
    """docs/runbooks/codes.md; the alerts name theirs themselves, too."""
    docs = _ROOT / "docs"
    rows = (docs / "reference" / "errors.md").read_text().partition("## Reasons to refuse")[2].splitlines()
    known = {code for row in rows if row.startswith("| `") for code in re.findall(r"`([\w-]+)`", row.split("|")[1])}
    rules = yaml.safe_load((_ROOT / "manifests" / "monitoring" / "rules.yaml").read_text())["groups"][0]["rules"]
    alerts = {rule["alert"]: rule["annotations"]["runbook"] for rule in rules}
    found = re.findall(
        r"^\| \[[a-z-]+\]\((\S+)\) \| (.+) \|$", (docs / "runbooks" / "codes.md").read_text(), re.MULTILINE
    )
    paged = [
        (code, (docs / "runbooks" / page).resolve()) for page, row in found for code in re.findall(r"`([\w-]+)`", row)
    ]
    assert sorted(code for code, _ in paged) == sorted(known | alerts.keys())
    assert {code: str(page.relative_to(_ROOT)) for code, page in paged if code in alerts} == alerts
    refused = (docs / "runbooks" / "refused.md").read_text()
    assert [code for code, page in paged if page.name == "refused.md" and f"`{code}`" not in refused] == []
    assert "See `mysqlops explain left-open`" in carried.explain("rollout-open")
    assert carried.explain("MysqlNoPrimary").startswith("MysqlNoPrimary (alert)")
    assert carried.explain("Failover").startswith("Failover (Events)")


def test_no_message_names_a_path_that_only_a_checkout_has() -> None:
    files = {*sources.nodes()} - {Path(carried.__file__)}  # which looks for them
    found = [f"{file}: {text}" for file in files for text in _messages(file)]
    assert len(found) > 1000
    assert [one for one in found if re.search(r": .*\b(docs|scripts)/[a-z]", one)] == []


def test_what_a_message_calls_explain_or_runbook_with_exists() -> None:
    texts = [text for file in sources.nodes() for text in _messages(file)]
    explained = {name for text in texts for name in re.findall(r"`mysqlops explain ([a-z-]+)`", text)}
    assert len(explained) > 3
    for name in explained:
        assert carried.explain(name)


def _messages(file: Path) -> Iterator[str]:
    """Every text in a module but its docstrings; a command's docstring is its help."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    silent = set()
    for node in sources.nodes()[file]:
        is_help = "/cli/" in str(file) and getattr(node, "decorator_list", [])
        if isinstance(node, documented) and not is_help and node.body and isinstance(node.body[0], ast.Expr):
            silent.add(id(node.body[0].value))
    for node in sources.nodes()[file]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


def test_the_bill_of_materials_has_each_dependency_with_its_hashes_and_is_the_same_each_time() -> None:
    words = [sys.executable, str(_ROOT / "scripts" / "sbom")]
    first, second = (subprocess.run(words, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second
    found = {one["name"]: one for one in json.loads(first)["components"]}
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    assert {canonicalize_name(Requirement(one).name) for one in project["dependencies"]} <= set(found)
    assert "pytest" not in found
    assert all(one["hashes"] for one in found.values())

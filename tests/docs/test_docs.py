"""Documents that must stay true: the CLI reference, the exit statuses, the README's size, links between pages."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from mysqlops import errors
from mysqlops.cli.main import COMMANDS
from mysqlops.core import cluster_file, rights
from mysqlops.planning import obituary
from tests.docs import words
from tests.docs.pages import PAGES

ROOT = Path(__file__).parents[2]
_TESTS = ROOT / "tests" / "README.md"


def test_the_generated_pages_are_those_of_the_code() -> None:
    """In a process of its own: click keeps the help option of a command that another test has called."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MYSQLOPS_")}
    command = [sys.executable, str(ROOT / "scripts" / "cli-reference"), "--check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}run scripts/cli-reference"
    assert "`binlog_ignore_db`" in (ROOT / "docs" / "reference" / "configuration.md").read_text()


def test_every_verb_on_a_cluster_has_an_identity() -> None:
    covered = {verb for _, verbs in rights.IDENTITIES.values() for verb in verbs}
    assert covered == set(COMMANDS) - {"render", "wait", "explain", "runbook", "completion", "version"}


def test_every_command_has_a_short_text_and_an_example() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    for name in COMMANDS:
        assert f"## mysqlops {name}" in reference


def test_every_error_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    for _, found in inspect.getmembers(errors, inspect.isclass):
        if issubclass(found, errors.MysqlopsError):
            assert f"`{found.code}`" in page, found
            assert f"| {found.exit_code} |" in page, found


def test_every_reason_to_refuse_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    sources = (ROOT / "mysqlops").rglob("*.py")
    codes = {code for file in sources for code in re.findall(r'(?:Reason|Condition)\(\s*"([a-z-]+)"', file.read_text())}
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_the_cluster_file_of_the_reference_is_one() -> None:
    page = (ROOT / "docs" / "reference" / "cluster-file.md").read_text()
    (text,) = [one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "apiVersion" in one]
    assert [one.kind for one in cluster_file.parse(text, "cluster-file.md")] == ["BackupTarget", "Cluster"]


def test_the_readme_stays_short_and_links_lead_somewhere() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_a_newcomer_sees_what_each_test_module_tests() -> None:
    folders = {file.parent.name for file in (ROOT / "tests").glob("*/__init__.py")} - {"faults"}
    assert folders == set(
        re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", _TESTS.read_text(), re.MULTILINE)))
    )
    for file in (ROOT / "tests").rglob("test_*.py"):
        purpose = ast.get_docstring(ast.parse(file.read_text())) or ""
        assert (bool(purpose), words.found(purpose)) == (True, []), file


def test_files_stay_small() -> None:
    for file in [*(ROOT / "mysqlops").rglob("*.py"), *(ROOT / "scripts/labkit").glob("*.py")]:
        assert len(file.read_text().splitlines()) <= 300, file


def test_help_needs_no_kubernetes_client() -> None:
    program = "import sys; from mysqlops.cli.main import run; run(['--help']); print('kubernetes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_what_compares_a_cluster_with_its_file_needs_no_verb() -> None:
    """Most runs of `apply` find nothing to do; the modules of the verbs are a fifth of what such a run computes."""
    program = "import sys; from mysqlops.operations import cluster_file; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    verbs = {f"mysqlops.operations.{verb}" for verb in ("apply", "deploy", "scale", "storage", "upgrade", "binlog")}
    assert "mysqlops.operations.cluster_file" in done.stdout
    assert not verbs & {*done.stdout.split()}


def test_every_decision_has_a_status_and_is_listed_with_it() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text()
    for page in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        title, status = page.read_text().splitlines()[:2]
        found = re.match(r"Status: (accepted|proposed|rejected)", status)
        assert found, f"{page.name}: the second line is its status"
        assert f"| [{page.name[:4]}]({page.name}) | {title.partition('. ')[2]} | {found[1]}" in listed, page.name


def test_the_picture_of_the_readme_is_small_and_stands_alone() -> None:
    file = ROOT / "docs" / "measurements" / "drill.svg"
    assert str(file.relative_to(ROOT)) in (ROOT / "README.md").read_text()
    assert file.stat().st_size < 40_000
    picture = file.read_text()
    assert "acknowledged writes over time" in picture
    assert set(re.findall(r"<(\w+)", picture)) <= set("svg title style rect text line path circle".split())
    assert re.findall(r"https?://[^\"]+", picture) == ["http://www.w3.org/2000/svg"]


def test_the_decision_on_obituaries_says_whether_they_are_on() -> None:
    page = (ROOT / "docs" / "adr" / "0037-obituary.md").read_text()
    assert f"Status: accepted; {obituary.BY_DEFAULT} by default" in page

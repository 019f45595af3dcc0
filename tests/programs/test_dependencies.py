"""What is installed is what requirements.lock names, by hash, and that fits pyproject.toml."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mysqlops.operations import bundle

_ROOT = Path(__file__).parents[2]


def test_the_lock_has_a_hash_and_a_fitting_version_of_every_dependency() -> None:
    blocks = re.split(r"\n(?=\S)", (_ROOT / "requirements.lock").read_text())
    pinned = [one for one in blocks if not one.startswith("#")]
    assert [one for one in pinned if not re.match(r"\S+==\S+.* \\\n +--hash=sha256:[0-9a-f]{64}", one)] == []
    versions = dict(one.split()[0].split("==") for one in pinned)
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(one) for one in (*project["dependencies"], *project["optional-dependencies"]["dev"])]
    assert [one for one in wanted if versions.get(canonicalize_name(one.name), "") not in one.specifier] == []


def _blocks(lock: str) -> dict[str, str]:
    """Each package's name and lines, of a lock."""
    blocks = re.split(r"\n(?=\S)", (_ROOT / lock).read_text().rstrip())
    return {one.partition("==")[0]: one for one in blocks if not one.startswith("#")}


def test_the_lock_of_the_program_is_what_it_needs_of_the_whole_lock_with_the_same_hashes() -> None:
    needed, whole = _blocks("requirements-run.lock"), _blocks("requirements.lock")
    assert needed.items() <= whole.items()
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    todo, found = [*project["dependencies"]], set[str]()
    while todo:
        one = Requirement(todo.pop())
        name = str(canonicalize_name(one.name))
        if name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(name)
            todo += metadata.requires(name) or ()
    assert needed.keys() - found == set(), "what another Python or platform needs may be listed here"
    assert found - needed.keys() == set()


def test_an_image_installs_nothing_but_what_a_lock_names_by_hash() -> None:
    """Hashes that an index is asked for while the image is built are whatever that index says then."""
    text = (_ROOT / "Containerfile").read_text().replace("\\\n", " ")
    installs = [one.strip() for one in re.split(r"&&|\n|;", text) if re.search(r"\b(pip|uv|apt-get|curl|wget)\b", one)]
    installs = [one for one in installs if not one.startswith("#")]
    assert len(installs) == 3
    for one in installs:
        locked = "--require-hashes -r requirements" in one and one.endswith(".lock")
        own = "--no-deps --no-index /tmp/dist/" in one
        assert locked or own, one
    assert sum("requirements-run.lock" in one for one in installs) == 1


def test_pymysql_is_one_that_refuses_a_server_without_tls() -> None:
    """1.1 took TLS for a wish; neither the command nor the agent may be made with it."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    (found,) = [Requirement(one) for one in project["dependencies"] if one.startswith("pymysql")]
    assert "1.1.2" not in found.specifier
    _, version, *_ = _vendored().name.split("-")
    assert version in found.specifier


def test_what_the_agent_is_made_of_is_the_file_that_the_lock_names() -> None:
    _, version, *_ = _vendored().name.split("-")
    blocks = re.split(r"\n(?=\S)", (_ROOT / "requirements.lock").read_text())
    (pinned,) = [one for one in blocks if one.startswith("pymysql==")]
    assert pinned.split()[0] == f"pymysql=={version}"
    assert f"sha256:{hashlib.sha256(_vendored().read_bytes()).hexdigest()}" in pinned


def test_another_pymysql_beside_the_command_makes_no_other_agent(tmp_path: Path) -> None:
    (tmp_path / "pymysql").mkdir()
    (tmp_path / "pymysql" / "__init__.py").write_text("VERSION = (0, 7)\n")
    program = "import hashlib; from mysqlops.operations import bundle; b = bundle.build(); "
    program += "print(b.version, hashlib.sha256(b.content).hexdigest())"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{_ROOT}"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    here = bundle.build()
    assert done.stdout.split() == [here.version, hashlib.sha256(here.content).hexdigest()]


def _vendored() -> Path:
    (found,) = (_ROOT / "vendor").glob("*.whl")
    return found

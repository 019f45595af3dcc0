"""What is installed is what requirements.lock names, by hash, and that fits pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mysqlops import errors
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


def test_pymysql_is_one_that_refuses_a_server_without_tls() -> None:
    """1.1 took TLS for a wish; neither the command nor the agent may be made with it."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    (found,) = [Requirement(one) for one in project["dependencies"] if one.startswith("pymysql")]
    assert "1.1.2" not in found.specifier
    bundle.check_pymysql("1.2.0")
    with pytest.raises(errors.ConfigError, match=r"PyMySQL 1\.1\.2 is installed"):
        bundle.check_pymysql("1.1.2")

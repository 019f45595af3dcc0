"""Nothing of ours is bound to an architecture: no object, script, module, wheel or agent's program names one or holds
machine code. So a cluster runs on arm64 wherever its images do; none was available here to run it on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mysqlops.core.spec import ClusterSpec
from mysqlops.core.target import DEFAULT_IMAGE as RESTIC
from mysqlops.operations import bundle
from tests.docs.pages import ROOT
from tests.unit.objects.test_pod_patch import _pods

_NAMES = re.compile(r"x86[_-]64|\bx86\b|amd64|aarch64|\barm64\b|\barmv\d|ppc64|s390x|riscv64", re.IGNORECASE)
# How to ask for one, in an object or in a program.
_ASKS = re.compile(r"kubernetes\.io/arch|platform\.machine|os\.uname|\buname\b|sys\.byteorder")
_MACHINE_CODE = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_OURS = ("manifests", "mysqlops", "scripts/runbooks")
_TEXTS = (".py", ".sh", ".yaml", ".cnf", ".json")


def _files() -> Iterator[Path]:
    for folder in _OURS:
        yield from (
            one for one in sorted((ROOT / folder).rglob("*")) if one.is_file() and "__pycache__" not in one.parts
        )
    yield ROOT / "Containerfile"


def test_no_source_names_an_architecture_or_asks_for_it() -> None:
    texts = {file: file.read_text() for file in _files() if file.suffix in _TEXTS or file.name == "Containerfile"}
    assert len(texts) > 300
    found = [str(file.relative_to(ROOT)) for file, text in texts.items() if _NAMES.search(text) or _ASKS.search(text)]
    assert found == []


def test_no_file_of_ours_is_compiled() -> None:
    assert [file.name for file in _files() if file.read_bytes().startswith(_MACHINE_CODE)] == []


def test_the_agents_program_is_python_only() -> None:
    files = bundle.files(bundle.from_sources().content)
    assert {Path(name).suffix for name in files} <= {".py", ""}
    assert [name for name, text in files.items() if text.startswith(_MACHINE_CODE)] == []
    (library,) = (ROOT / "vendor").glob("*.whl")
    assert library.name.endswith("-py3-none-any.whl")


@pytest.mark.parametrize("what", list(_pods()))
def test_no_pod_chooses_nodes_by_their_architecture_or_images_of_one(what: str) -> None:
    _, pod = _pods()[what]
    assert not _ASKS.search(yaml.safe_dump(pod))
    images = [one["image"] for one in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"])]
    assert [one for one in images if "@" in one or _NAMES.search(one)] == []


def test_the_default_images_are_tags_which_stand_for_each_architecture() -> None:
    """A digest of one image, not of the list of all, would be of one architecture."""
    spec = ClusterSpec("mysql", "db")
    assert [one for one in (spec.image, spec.agent_image, RESTIC) if "@" in one or ":" not in one] == []


def test_it_finds_what_it_looks_for() -> None:
    assert _NAMES.search("mysql:9.7-amd64")
    assert _NAMES.search("/lib64/ld-linux-x86-64.so.2")
    assert not _NAMES.search("/lib/ld-linux-* or 0x8600")
    assert _ASKS.search("nodeSelector: {kubernetes.io/arch: x}")

"""The agent's program, made of all the sources that it imports."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zipfile
import zlib
from importlib import resources
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent import unpack
from mysqlops.cli.main import run
from mysqlops.core.spec import ClusterSpec
from mysqlops.kube import manifests
from mysqlops.objects import backup as planning
from mysqlops.objects import drift, render
from mysqlops.operations import bundle, deploy, existing, signing
from tests.unit.fakes.cluster import Cluster

APPLY_ANNOTATION_LIMIT = 256 * 1024


def test_it_is_the_same_each_time_and_fits_kubectl_apply() -> None:
    assert bundle.build.__wrapped__().content == bundle.build().content
    for item in deploy.objects(ClusterSpec(name="orders", namespace="shop")):
        assert len(json.dumps(item)) < APPLY_ANNOTATION_LIMIT, item["metadata"]["name"]


def test_it_runs_and_fits_into_a_config_map_that_kubectl_applies() -> None:
    """kubectl keeps a copy of the whole ConfigMap in an annotation."""
    content = bundle.build().content
    for name, text in bundle.files(content).items():
        if name.endswith(".py"):
            compile(text, name, "exec")
        else:
            assert name.endswith("/LICENSE")
    assert len(base64.b64encode(content)) < APPLY_ANNOTATION_LIMIT - 8_192


@pytest.mark.parametrize(
    ("wheels", "said"),
    [
        ({}, "expected one wheel, found none"),
        ({"a.whl": b"", "b.whl": b""}, r"found a\.whl, b\.whl"),
        ({"a.whl": b"no zip"}, "not a zip file"),
    ],
)
def test_a_checkout_that_is_not_whole_is_named(tmp_path: Path, wheels: dict[str, bytes], said: str) -> None:
    for name, content in wheels.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.ConfigError, match=said) as found:
        bundle._wheel(tmp_path)
    assert str(tmp_path) in str(found.value)


def test_a_command_in_a_checkout_without_the_wheel_ends_with_that_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mysqlops").symlink_to(bundle._ROOT / "mysqlops")
    monkeypatch.setattr(bundle, "_ROOT", tmp_path)
    bundle.build.cache_clear()
    try:
        assert run(["version"]) == errors.ConfigError.exit_code
    finally:
        bundle.build.cache_clear()
    assert "vendor: expected one wheel, found none" in capsys.readouterr().err


def test_a_checkout_without_manifests_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "files", lambda _: tmp_path / "mysqlops")
    with pytest.raises(errors.ConfigError, match="manifests is missing"):
        manifests.read_text("sql/client.sh")


_FILES = {"mysqlops/a.py": b"a = 1\n\nb = 2\n", "mysqlops/empty.py": b"", "pymysql/b.py": b"\xc3\xa4\n"}
_WHOLE = b"14 mysqlops/a.py\n0 mysqlops/empty.py\n3 pymysql/b.py\n\na = 1\n\nb = 2\n\xc3\xa4\n"
_PACKED = bundle._packed(_FILES)


@pytest.mark.parametrize(
    "outside",
    [
        {"program.bz2": _PACKED},
        {"program.z": zlib.compress(_WHOLE)},
        {"program.zip.z": zlib.compress(bundle._zipped(_FILES))},
        _FILES,
    ],
)
def test_a_program_of_each_release_says_which_modules_it_has(outside: dict[str, bytes]) -> None:
    content = bundle._zipped({"__main__.py": b"", **outside})
    assert [bundle.lacks(content, path) for path in (*_FILES, "mysqlops/c.py")] == [False, False, False, True]


def test_no_zlib_has_a_part_in_its_bytes() -> None:
    """Programs are compared byte by byte, and another Python may have another zlib."""
    with zipfile.ZipFile(io.BytesIO(bundle.build().content)) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert unpack.PROGRAM in archive.namelist()


def _disguised(ours: bytes) -> bytes:
    """zipfile reads a name up to a NUL, and of two entries the last; zipimport, which runs the program, does not."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("__main__.py", b"print('theirs')\n")
        for name, text in bundle._unzipped(ours).items():
            archive.writestr("__main__.pyX" if name == "__main__.py" else name, text)
    return buffer.getvalue().replace(b"__main__.pyX", b"__main__.py\0")


def test_a_program_that_is_disguised_as_ours_differs(tmp_path: Path) -> None:
    """Whoever may patch ConfigMaps could have had members run it, and no command would have said so."""
    (wanted,) = [one for one in deploy.objects(ClusterSpec(name="mysql", namespace="db")) if "binaryData" in one]
    ours = base64.b64decode(wanted["binaryData"][render.AGENT_FILE])
    theirs = _disguised(ours)
    (file := tmp_path / "agent.pyz").write_bytes(theirs)
    assert subprocess.run([sys.executable, file], check=True, capture_output=True).stdout == b"theirs\n"
    assert bundle._unzipped(theirs) == bundle._unzipped(ours), "no comparison of files sees it"
    cluster = Cluster(1)
    for content, paths in ((ours, []), (theirs, ["binaryData.agent.pyz"])):
        cluster.store.put({**wanted, "binaryData": {render.AGENT_FILE: base64.b64encode(content).decode()}})
        (found,) = existing.objects(cluster.session().client, [wanted]).values()
        assert [one.path for one in drift.differences(wanted, found)] == paths


def test_a_program_that_unpacks_to_any_size_is_none() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", b"0" * (unpack.LARGEST + 1))
    large = buffer.getvalue()
    assert len(large) < 1 << 20, "a ConfigMap holds it"
    with pytest.raises(ValueError, match="more than a program"):
        bundle._unzipped(large)
    assert not bundle.lacks(large, "mysqlops/c.py")


def test_a_program_is_what_was_packed_or_an_error() -> None:
    assert unpack.files(_PACKED) == _FILES
    for damaged in (b"", _PACKED[:-1], _PACKED[:20], b"no program", _PACKED[:30] + b"x" + _PACKED[31:]):
        with pytest.raises((ValueError, OSError)):
            unpack.files(damaged)
        assert not bundle.lacks(bundle._zipped({"program.bz2": damaged}), "mysqlops/c.py"), "nothing is known of it"


def test_a_job_finds_the_program_that_seals_in_it() -> None:
    """In what `deploy` applies: a backup that is not sealed is restored only with --accept-unsigned."""
    cluster = Cluster(1)
    session = cluster.session()
    content = base64.b64encode(bundle.build().content).decode()
    session.client.create("ConfigMap", {"metadata": {"name": "now"}, "binaryData": {render.AGENT_FILE: content}})
    assert signing.steps(session, "mysql", "now") == planning.SEAL

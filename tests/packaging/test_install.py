"""What a user gets who installs mysqlops: each Python, each installer, the oldest and the newest dependencies."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mysqlops.operations import bundle
from mysqlops.version import __version__
from tests.packaging.conftest import ROOT, Built, build, interpreter, run, tool

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
VERSION = f"mysqlops {__version__}, agent {bundle.from_sources().version}"


def environment(place: Path, python: Path, *wanted: str | Path) -> Path:
    """A new virtual environment with that in it; returns its folder of programs."""
    run(tool("uv"), "venv", "--quiet", "--python", python, place)
    run(tool("uv"), "pip", "install", "--quiet", "--python", place / "bin" / "python", *wanted)
    return place / "bin"


def use(programs: Path) -> str:
    """Runs what needs no cluster, and returns what `render` prints."""
    mysqlops = programs / "mysqlops"
    assert run(mysqlops, "version").strip() == VERSION
    assert run(programs / "kubectl-mysqlops", "version", "--help").startswith("Usage: kubectl mysqlops version")
    assert "deploy" in run(mysqlops, "--help")
    assert "--storage-size" in run(mysqlops, "deploy", "--help")
    assert "transactions that no ONLINE member has" in run(mysqlops, "explain", "only-copy")
    assert run(mysqlops, "runbook", "primary-lost").startswith("#!/bin/sh\n")
    rendered = run(mysqlops, "render", "x")
    assert "kind: StatefulSet" in rendered
    return rendered


@pytest.mark.parametrize("version", PYTHONS)
def test_it_works_on_each_python_and_renders_the_same(
    built: Built, request: pytest.FixtureRequest, tmp_path: Path, version: str
) -> None:
    rendered = use(environment(tmp_path / "venv", interpreter(request, version), built.wheel))
    here = run(tool("python"), "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {_RENDER}")
    assert rendered == here


_RENDER = "from mysqlops.cli.main import run; run(['render', 'x'])"


def _with_pip(place: Path, file: Path) -> Path:
    run(tool("python"), "-m", "venv", place)
    run(place / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", file)
    return place / "bin"


def _with_uv(place: Path, file: Path) -> Path:
    folders = {"UV_TOOL_DIR": str(place / "tools"), "UV_TOOL_BIN_DIR": str(place / "bin")}
    run(tool("uv"), "tool", "install", "--quiet", "--python", tool("python"), file, **folders)
    return place / "bin"


def _with_pipx(place: Path, file: Path) -> Path:
    folders = {"PIPX_HOME": str(place / "home"), "PIPX_BIN_DIR": str(place / "bin"), "PIPX_MAN_DIR": str(place / "man")}
    run(tool("pipx"), "install", "--quiet", "--python", tool("python"), file, **folders)
    return place / "bin"


@pytest.mark.parametrize("install", [_with_pip, _with_uv, _with_pipx])
def test_each_installer_makes_programs_that_work(
    built: Built, tmp_path: Path, install: Callable[[Path, Path], Path]
) -> None:
    use(install(tmp_path / "place", built.wheel))


def test_the_sdist_installs_too(built: Built, tmp_path: Path) -> None:
    use(environment(tmp_path / "venv", Path(tool("python")), built.sdist))


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_the_oldest_and_the_newest_dependencies_make_the_same_agent_and_reach_an_api_server(
    built: Built, request: pytest.FixtureRequest, tmp_path: Path, resolution: str, api_server: Path
) -> None:
    python = interpreter(request, "3.11")
    programs = environment(tmp_path / "venv", python, "--resolution", resolution, built.wheel)
    use(programs)
    words: list[str | Path] = [programs / "mysqlops", "status", "shop", "-n", "apps"]
    known = os.environ | {"KUBECONFIG": str(api_server), "MYSQLOPS_KUBECONFIG": str(api_server)}
    done = subprocess.run(words, env=known, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert "kubernetes-forbidden" in done.stderr, done.stderr
    assert "this server lets nobody in" in done.stderr


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of an API server that refuses each call in the words of one."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_port}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": {"server": place}}],
        "users": [{"name": "one", "user": {"token": "nothing"}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    yield file
    server.shutdown()
    server.server_close()


class _Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}
        body = json.dumps(status | {"message": "this server lets nobody in"}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_wheel_carries_what_its_messages_name_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"mysqlops-{__version__}.dist-info/METADATA").decode()
        agent = archive.read("mysqlops/_agent/agent.pyz")
    assert agent == bundle.from_sources().content
    for wanted in (
        "mysqlops/py.typed",
        "mysqlops/_manifests/base/statefulset.yaml",
        "mysqlops/_docs/reference/errors.md",
        "mysqlops/_runbooks/common.sh",
        f"mysqlops-{__version__}.dist-info/licenses/LICENSE",
    ):
        assert wanted in names
    assert {name.partition("/")[0] for name in names} == {"mysqlops", f"mysqlops-{__version__}.dist-info"}
    assert "License-Expression: Apache-2.0" in metadata


def test_the_wheel_is_of_no_architecture(built: Built) -> None:
    assert built.wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(built.wheel) as archive:
        assert [one for one in archive.namelist() if one.endswith((".so", ".pyd", ".dylib", ".dll", ".a"))] == []
        assert [one for one in archive.namelist() if archive.read(one).startswith((b"\x7fELF", b"MZ"))] == []
        tags = archive.read(f"mysqlops-{__version__}.dist-info/WHEEL").decode()
    assert {"Root-Is-Purelib: true", "Tag: py3-none-any"} <= set(tags.splitlines())


def test_a_second_build_elsewhere_gives_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """Of the same sources in another folder, with other times, by whoever has another umask."""
    copy = tmp_path / "copy"
    listed = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
            (copy / name).chmod(0o755 if os.access(ROOT / name, os.X_OK) else 0o644)
    again = build(copy, tmp_path / "again")
    for first, second in ((built.wheel, again.wheel), (built.sdist, again.sdist)):
        assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest(), first.name

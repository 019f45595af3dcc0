"""Completion in the shells themselves, with names from an API server: it offers what exists, and prints no error."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mysqlops.cli.backup import seen
from mysqlops.cli.context import Access
from mysqlops.core import names
from tests.conftest import missing

ID = "mysql-20261127-010000"
_ITEMS = {
    "statefulsets": [("mysql", names.selector("mysql")), ("orders", names.selector("orders"))],
    "pods": [(f"mysql-{ordinal}", names.selector("mysql")) for ordinal in range(3)],
    "secrets": [("backup-target-local", {names.LABEL_TARGET: "local"})],
}


class Api(BaseHTTPRequestHandler):
    """Lists, and nothing else."""

    def do_GET(self) -> None:
        found = _ITEMS[urlsplit(self.path).path.rpartition("/")[2]]
        items = [{"metadata": {"name": name, "labels": labels}} for name, labels in found]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"items": items}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


@pytest.fixture
def shell(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with `mysqlops`, a kubeconfig, and a backup that was listed once."""
    program = tmp_path / "bin" / "mysqlops"
    program.parent.mkdir()
    # However busy this machine is, the wait is not what is tested here.
    code = "import sys; from mysqlops.cli import complete, main; complete._SECONDS = 50; sys.exit(main.run())"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    program.chmod(0o755)
    config = {
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
        "clusters": [{"name": "lab", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "x"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen.write(Access(), [ID])
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "PYTHONPATH": str(Path(__file__).parents[2]), "KUBECONFIG": str(tmp_path / "config")}
    return {**{key: value for key, value in os.environ.items() if not key.startswith("MYSQLOPS_")}, **settings}


def _bash(line: str, environment: dict[str, str]) -> list[str]:
    script = (
        'source <(mysqlops completion bash); read -ra COMP_WORDS <<< "$1"; [[ $1 == *" " ]] && COMP_WORDS+=("");'
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _mysqlops_completion mysqlops; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return _offered(["bash", "-c", script, "bash", line], environment)


def _fish(line: str, environment: dict[str, str]) -> list[str]:
    script = "mysqlops completion fish | source; complete -C $argv[1]"
    return [word.partition("\t")[0] for word in _offered(["fish", "--no-config", "-c", script, line], environment)]


def _zsh(line: str, environment: dict[str, str]) -> list[str]:
    """The widgets that only an interactive shell has print what they are given."""
    script = (
        "compdef() { }; compadd() { print -l -- ${(P)@[-1]} }; _describe() { print -l -- ${${(P)3}%%:*} };"
        'source <(mysqlops completion zsh); words=("${(@s: :)1}"); CURRENT=$#words; _mysqlops_completion'
    )
    return _offered(["zsh", "-f", "-c", script, "zsh", line], environment)


def _offered(words: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}


@pytest.fixture(params=SHELLS)
def name(request: pytest.FixtureRequest) -> str:
    found = str(request.param)
    if shutil.which(found) is None:
        missing(request.config, "shells", f"{found}: apt-get install zsh fish")
    return found


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mysqlops status ", ["mysql", "orders"]),
        ("mysqlops member fence mysql mysql-", ["mysql-0", "mysql-1", "mysql-2"]),
        ("mysqlops backup create mysql --target l", ["local"]),
        ("mysqlops backup verify mysql mysql-2026", [ID]),
    ],
)
def test_a_shell_offers_names(name: str, line: str, offered: list[str], shell: dict[str, str]) -> None:
    assert SHELLS[name](line, shell) == offered


def test_a_shell_says_nothing_without_an_api_server(name: str, shell: dict[str, str]) -> None:
    assert SHELLS[name]("mysqlops status m", {**shell, "KUBECONFIG": "/nowhere"}) == []

"""The command and the agent as processes of their own: what a shell, a pipe and a signal meet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mysqlops.cli.main import run
from mysqlops.operations import bundle


def _complete(words: str, **environment: str) -> list[str]:
    given = {"_MYSQLOPS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from mysqlops.cli.main import run; sys.exit(run([]))"],
        env={**os.environ, **given, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_completion_offers_verbs_and_contexts_and_never_fails(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text('{"contexts": [{"name": "lab", "context": {}}, {"name": "live", "context": {}}]}')
    assert "status" in _complete("mysqlops st")
    assert _complete("mysqlops --context l", MYSQLOPS_KUBECONFIG=str(file)) == ["lab", "live"]
    assert _complete("mysqlops status m", MYSQLOPS_KUBECONFIG=str(tmp_path / "none")) == []


def test_a_reader_that_has_gone_ends_it_quietly() -> None:
    program = "import sys; from mysqlops.cli.main import run; sys.exit(run(['render', 'mysql']))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (141, b"")


def test_a_pod_that_is_deleted_while_it_waits_ends_at_once() -> None:
    """The kernel drops a signal that process 1 does not handle: an eviction waited for all of the pod's grace period,
    for a backup that no command put onto its volume any more."""
    program = "import sys; from mysqlops.agent.__main__ import main; print(main(sys.argv[1:], is_process_1=True))"
    words = [sys.executable, "-c", program, "wait", "--timeout", "60", "127.0.0.1:1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert b"127.0.0.1" in process.stdout.readline(), "it waits"
        process.terminate()
        assert process.wait(timeout=20) == 128 + signal.SIGTERM


def test_every_module_of_the_agents_file_can_be_imported_from_it(tmp_path: Path) -> None:
    """Its text is less than that of the sources, so it is not enough that they can be."""
    (file := tmp_path / "agent.pyz").write_bytes(bundle.build().content)
    program = (
        f"import importlib, sys, zipfile; sys.path.insert(0, {str(file)!r})\n"
        f"for name in zipfile.ZipFile({str(file)!r}).namelist():\n"
        "    if name.endswith('.py') and '__main__' not in name:\n"
        "        importlib.import_module(name[:-3].replace('/', '.').removesuffix('.__init__'))\n"
    )
    subprocess.run([sys.executable, "-I", "-c", program], check=True, timeout=60, cwd=tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_MYSQLOPS_COMPLETE" in capsys.readouterr().out

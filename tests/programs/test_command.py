"""The command and the agent as processes of their own: what a shell, a pipe and a signal meet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mysqlops.agent import slots
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


def test_manifests_are_read_whatever_the_locale() -> None:
    program = "import sys; from mysqlops.cli.main import run; sys.exit(run(['render', 'mysql']))"
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **ascii_only}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    usual = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == usual.stdout


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
        f"import importlib, json, sys; sys.path.insert(0, {str(file)!r})\n"
        "for name in json.load(sys.stdin):\n"
        "    if name.endswith('.py') and '__main__' not in name:\n"
        "        module = importlib.import_module(name[:-3].replace('/', '.').removesuffix('.__init__'))\n"
        "        assert module.__file__ == f'{sys.path[0]}/{name}', module.__file__\n"
    )
    names = json.dumps(sorted(bundle.files(bundle.build().content)))
    words = [sys.executable, "-I", "-c", program]
    subprocess.run(words, check=True, timeout=60, cwd=tmp_path, input=names, text=True)


def test_a_command_that_only_looks_cannot_take_the_agent_s_memory() -> None:
    """One that hangs ends too, and one that acts is not interrupted: the kernel has an alarm for the first only."""
    program = (
        "import signal, sys; from mysqlops.agent import slots\n"
        "slots.limit_this_process(sys.argv[1])\n"
        "print(signal.alarm(0) > 0, open('/proc/self/oom_score_adj').read().strip() == '1000')\n"
        "print(len(bytes(100 << 20)))\n"
    )
    for word, limited in (("top", True), ("switchover", False)):
        words = [sys.executable, "-c", program, word]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode != 0, "MemoryError" in done.stderr) == (limited, limited), done.stderr
        assert done.stdout.split()[0] == str(limited)
        assert not limited or done.stdout.split()[1] == "True"


def test_a_killed_command_leaves_its_place(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from mysqlops.agent import slots; from mysqlops.clock import SystemClock\n"
        "with slots.taken('top', pathlib.Path(sys.argv[1]), SystemClock()):\n"
        "    print(flush=True); sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    place = tmp_path / "looking-0"
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert slots._first_free([place]) is None
        process.kill()
        process.wait(timeout=20)
    assert slots._first_free([place]) is not None


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_MYSQLOPS_COMPLETE" in capsys.readouterr().out

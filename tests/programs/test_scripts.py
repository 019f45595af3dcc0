"""What a script does with the names that it is given, in a real shell."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.agent.jobs import local, logical
from mysqlops.kube import manifests

_ROOT = Path(__file__).parents[2]
# What needs more than Python itself; the others run with any.
_NEED_PACKAGES = sorted(
    file.name for file in (_ROOT / "scripts").iterdir() if file.is_file() and b"\nin_venv.enter()" in file.read_bytes()
)


def _checkout(folder: Path) -> Path:
    """As somebody has it who has not run scripts/setup."""
    shutil.copytree(_ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("go", "__pycache__"))
    for name in ("docs", "manifests", "mysqlops", "tests"):
        (folder / name).symlink_to(_ROOT / name)
    return folder / "scripts"


def _run(script: Path) -> subprocess.CompletedProcess[str]:
    """By a Python without packages."""
    words = [sys.executable, "-S", "-B", str(script), "--help"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_script_without_its_packages_names_the_command_that_installs_them(tmp_path: Path) -> None:
    scripts = _checkout(tmp_path)
    python = [one for one in sorted(scripts.iterdir()) if one.is_file() and b"python" in one.read_bytes()[:24]]
    assert len(python) > len(_NEED_PACKAGES) > 15
    for script in python:
        done = _run(script)
        assert "ModuleNotFoundError" not in done.stderr, script
        if script.name in _NEED_PACKAGES:
            assert done.returncode == 1
            assert done.stderr.startswith(f"{script.name}: Python packages are missing (click, ")
            assert done.stderr.endswith("): run scripts/setup first\n")


def test_a_script_runs_by_the_python_of_the_checkout(tmp_path: Path) -> None:
    (python := tmp_path / ".venv" / "bin" / "python").parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    script = _checkout(tmp_path) / "bench-faults"
    assert _run(script).stdout == f"{script} --help\n"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    done = _run(script)  # one that has none either: no endless loop
    assert done.stderr.startswith("bench-faults: Python packages are missing")


_NAMES = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1, max_size=64)


_DECODE = manifests.read_text("backup/logical.sh").partition("decode() {")[2].partition("\n}\n")[0]


@settings(max_examples=20, deadline=None)
@given(st.lists(_NAMES, min_size=1, max_size=20))
def test_the_scripts_decode_a_name_as_it_was(names: list[str]) -> None:
    encoded = [logical._encoded(name) for name in names]
    assert all(set(one) <= set("\\0123456789") | {chr(n) for n in range(128) if chr(n).isalnum()} for one in encoded)
    script = f'decode() {{{_DECODE}\n}}\nwhile read -r one; do decode "$one"; printf "%s\\0" "$decoded"; done'
    given_lines = "".join(f"{one}\n" for one in encoded).encode()
    done = subprocess.run(["sh", "-c", script], input=given_lines, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == names


_RESTIC = r"""#!/bin/sh
# A repository whose keys are files that hold their passwords; `down` makes it unreachable.
[ "$1" = --no-cache ] && shift
if [ "$1" = --retry-lock ]; then shift 2; fi
cd "$REPOSITORY" || exit 1
if [ -e down ]; then echo 'Fatal: connection refused' >&2; exit 1; fi
opened=''
for key in keys/*; do
  if [ "$(cat "$key")" = "$(cat "$RESTIC_PASSWORD_FILE")" ]; then opened=${key#keys/}; fi
done
if [ -z "$opened" ]; then echo 'Fatal: wrong password or no key found' >&2; exit 12; fi
case "$1 $2" in
'cat config') echo '{}' ;;
'key list') for key in keys/*; do
  if [ "$key" = "keys/$opened" ]; then printf '*'; else printf ' '; fi
  echo "${key#keys/} mysqlops"
done ;;
'key add') cp "$4" keys/bb ;;
'key remove') if [ "$4" = "$opened" ]; then echo 'refusing to remove the key in use' >&2; exit 1; fi; rm "keys/$4" ;;
esac
if [ -e down-after ]; then touch down; fi
"""


class Repository:
    """manifests/backup/restic.sh beside a restic of our own, with the target's Secret as files."""

    def __init__(self, folder: Path, **secret: str) -> None:
        self.folder = folder
        for name in ("bin", "target", "keys"):
            (folder / name).mkdir()
        program = folder / "bin" / "restic"
        program.write_text(_RESTIC)
        program.chmod(0o755)
        (folder / "keys" / "aa").write_text("first")
        self.secret(**secret)

    def secret(self, **values: str) -> None:
        for key, value in {"repository": "/repository", **values}.items():
            (self.folder / "target" / key.replace("_", "-")).write_text(value)

    def keys(self) -> list[str]:
        return sorted(one.read_text() for one in (self.folder / "keys").iterdir())

    def run(self, step: str) -> subprocess.CompletedProcess[str]:
        script = manifests.read_text("backup/restic.sh").replace("/run/target", str(self.folder / "target"))
        environment = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "REPOSITORY": str(self.folder)}
        command = ["sh", "-c", script, "restic.sh", step]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_key_goes_only_if_the_secret_s_password_opens_the_repository_without_it(tmp_path: Path) -> None:
    repository = Repository(tmp_path, password="first", new_password="second")
    assert repository.run("add-key").returncode == 0
    repository.secret(password="third", old_password="first")  # somebody wrote another one into the Secret
    assert (repository.run("remove-key").returncode, repository.keys()) == (12, ["first", "second"])
    repository.secret(password="first", old_password="first")
    assert (repository.run("remove-key").returncode, repository.keys()) == (0, ["first", "second"])
    repository.secret(password="second", old_password="first")
    for _ in range(2):  # the second run has nothing left to remove
        assert (repository.run("remove-key").returncode, repository.keys()) == (0, ["second"])


def test_a_repository_that_does_not_answer_has_not_removed_the_old_key(tmp_path: Path) -> None:
    """An old password that nobody knows of would go on opening it."""
    repository = Repository(tmp_path, password="first", new_password="second")
    assert repository.run("add-key").returncode == 0
    repository.secret(password="second", old_password="first")
    (tmp_path / "down-after").touch()
    done = repository.run("remove-key")
    assert (done.returncode, repository.keys()) == (1, ["first", "second"])
    assert "connection refused" in done.stderr
    (tmp_path / "down-after").unlink()
    (tmp_path / "down").unlink()
    (tmp_path / "target" / "old-password").unlink()  # a pod that sees the Secret as it was before
    done = repository.run("remove-key")
    assert (done.returncode, "no old password" in done.stderr) == (1, True)


def test_no_key_of_a_target_s_secret_decides_what_is_executed(tmp_path: Path) -> None:
    """Whoever fills the Secret of --credentials would run programs beside the data and the repository's password."""
    repository = Repository(tmp_path, password="first")
    wanted = {"AWS_DEFAULT_REGION": "eu", "RESTIC_REST_PASSWORD": "x y"}
    for key, value in {**wanted, "PATH": "/nowhere", "RESTIC_PASSWORD_COMMAND": "id", "LD_PRELOAD": "x"}.items():
        (tmp_path / "target" / key).write_text(value)
    (tmp_path / "bin" / "restic").write_text("#!/bin/sh\nenv >$REPOSITORY/seen\n")
    done = repository.run("init")
    assert (done.returncode, done.stdout) == (0, "made\n"), done.stderr
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "seen").read_text().splitlines())
    assert {key: seen[key] for key in wanted} == wanted
    assert seen["PATH"].startswith(str(tmp_path))
    assert not {"RESTIC_PASSWORD_COMMAND", "LD_PRELOAD"} & seen.keys()


_ROOT = Path(__file__).parents[2]
# In a shell's line: a command `sync` that names no file system.
_GLOBAL_SYNC = re.compile(r"(?:^|[;&|{('\"]|\b(?:then|else|do))\s*sync\s*(?=$|[;&|)}'\"])", re.MULTILINE)
_FLUSH = manifests.read_text("base/config/prepare.sh").partition("flush() {")[2].partition("\n}\n")[0]


def test_nothing_waits_for_the_node_s_other_volumes() -> None:
    """A plain sync writes what every neighbour has not written yet: a restore on a busy node waited for their loads. It
    is left as the way out where one file system alone cannot be chosen."""
    found = dict[str, int]()
    for file in sorted([*(_ROOT / "manifests").rglob("*.sh"), *(_ROOT / "mysqlops").rglob("*.py")]):
        text = re.sub(r"^ *#.*$", "", file.read_text(), flags=re.MULTILINE)
        if count := len(_GLOBAL_SYNC.findall(text)) + text.count("os.sync("):
            found[str(file.relative_to(_ROOT))] = count
    assert found == {
        "manifests/backup/restic.sh": 1,
        "manifests/base/config/prepare.sh": 1,
        "mysqlops/agent/jobs/local.py": 1,
        "mysqlops/drill/faults/volumes.py": 1,
    }
    assert manifests.read_text("backup/restic.sh").partition("flush() {")[2].partition("\n}\n")[0] == _FLUSH


@pytest.mark.parametrize(
    ("knows", "fails", "calls", "code"),
    [
        (True, False, ["-f /proc", "-f /volume"], 0),
        (True, True, ["-f /proc", "-f /volume"], 1),
        (False, False, [""], 0),
    ],
)
def test_a_volume_that_cannot_be_written_ends_the_script(
    tmp_path: Path, *, knows: bool, fails: bool, calls: list[str], code: int
) -> None:
    """A sync without -f, as some images have it, reports nothing either way."""
    sync = f"""#!/bin/sh
if [ "$1" = -f ] && ! {str(knows).lower()}; then exit 1; fi
echo "$*" >>{tmp_path}/calls
if [ "$2" = /volume ] && {str(fails).lower()}; then exit 1; fi
"""
    (tmp_path / "sync").write_text(sync)
    (tmp_path / "sync").chmod(0o755)
    script = f"set -e\nflush() {{{_FLUSH}\n}}\nflush /volume\necho renamed"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "" if fails else "renamed\n")
    assert (tmp_path / "calls").read_text().splitlines() == calls


def test_a_program_flushes_the_file_system_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "written").write_text("data")
    local.flush(tmp_path)
    with pytest.raises(errors.StepFailed, match=r"was not written to its disk: .*No such file"):
        local.flush(tmp_path / "none")

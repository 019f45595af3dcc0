"""What loading a dump says about the backup: nothing, if the server or a client was killed meanwhile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mysqlops.agent.jobs import local
from mysqlops.kube import manifests

_MYSQLD = r"""#!/bin/sh
# A server that runs until it gets a signal; a file named `shutdown` ends it too.
for word in "$@"; do
  case $word in
  --initialize-insecure) exit 0 ;;
  --pid-file=*) pid=${word#*=} ;;
  esac
done
trap 'exit 0' TERM
case $pid in *loading.pid) ;; *) exit 0 ;; esac
if [ -e "$WORK/dies-at-once" ]; then kill -KILL $$; fi
echo $$ >"$pid.part"
mv "$pid.part" "$pid"
while [ ! -e "$WORK/shutdown" ]; do sleep 0.05; done
"""
_MYSQL = r"""#!/bin/sh
# A client; the dump's statements say what becomes of it and of the server.
case "$*" in *'SELECT 1'*) test -e "$WORK/loading.pid"; exit ;; esac
while IFS= read -r line; do
  case $line in
  SHUTDOWN*) touch "$WORK/shutdown" ;;
  'kill the client') kill -KILL $$ ;;
  'kill the server') kill -KILL "$(cat "$WORK/loading.pid")"; echo 'ERROR 2013 (HY000): Lost connection' >&2; exit 1 ;;
  'crash the server') kill -SEGV "$(cat "$WORK/loading.pid")"; echo 'ERROR 2013 (HY000): Lost connection' >&2; exit 1 ;;
  'no memory') echo 'ERROR 1041 (HY000): Out of memory' >&2; exit 1 ;;
  nonsense) echo 'ERROR 1064 (42000): You have an error with secret-hash' >&2; exit 1 ;;
  esac
done
"""


class Sidecar:
    """manifests/backup/mysqld.sh with a dump in the place of data."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.work, self.scratch = folder, folder / "work", folder / "scratch"
        self.dump = self.scratch / "copy" / "dump"
        for one in (folder / "bin", self.work, self.dump / "tables", folder / "tmp"):
            one.mkdir(parents=True)
        for name, text in (("mysqld", _MYSQLD), ("mysql", _MYSQL)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        for file in ("schema.sql", "triggers.sql", "accounts.sql", "tables/1.sql", "tables/2.sql"):
            (self.dump / file).write_text("fine\n")
        monkeypatch.setattr(local, "_WORK", self.work)
        monkeypatch.setattr(local, "_SCRATCH", self.scratch)

    def run(self, shell: str = "sh") -> str:
        """The script until its server has ended; returns what it left."""
        script = manifests.read_text("backup/logical.sh") + manifests.read_text("backup/mysqld.sh")
        script = script.replace("while :; do sleep 1; done", "exit 0")
        script = re.sub(r"/(work|scratch|tmp)/", lambda found: f"{self.folder}{found[0]}", script)
        environment = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "WORK": str(self.work)}
        done = subprocess.run([shell, "-c", script, "mysqld.sh"], env=environment, check=True, timeout=60)
        assert done.returncode == 0
        return (self.work / "mysqld.stopped").read_text().strip()

    def blames(self) -> bool:
        ended = (self.work / "mysqld.stopped").read_text().strip()
        if ended == "1" and local.is_of_surroundings(local._load_log()):
            ended = ""
        return local.blames(is_refused=False, ended=ended, is_full=False)


@pytest.fixture
def sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sidecar:
    return Sidecar(tmp_path, monkeypatch)


def test_a_dump_is_loaded(sidecar: Sidecar) -> None:
    assert sidecar.run() == "0"
    assert (sidecar.scratch / "copy" / "data").is_dir()


@pytest.mark.parametrize("file", ["schema.sql", "tables/2.sql", "triggers.sql", "accounts.sql"])
@pytest.mark.parametrize(
    ("statement", "ended", "blames"),
    [
        ("kill the client", "137", False),
        ("kill the server", "137", False),
        ("crash the server", "139", True),
        ("no memory", "1", False),
        ("nonsense", "1", True),
    ],
)
def test_only_a_dump_that_the_server_refuses_or_crashes_on_is_bad(
    sidecar: Sidecar, file: str, statement: str, ended: str, *, blames: bool
) -> None:
    (sidecar.dump / file).write_text(f"{statement}\n")
    assert (sidecar.run(), sidecar.blames()) == (ended, blames)
    assert not (sidecar.scratch / "copy" / "data").exists()
    if file == "accounts.sql":
        assert "secret-hash" not in local._last_words("mysqld")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_server_that_is_killed_before_it_answers_says_nothing(sidecar: Sidecar, shell: str) -> None:
    (sidecar.work / "dies-at-once").touch()
    assert (sidecar.run(shell), sidecar.blames()) == ("137", False)


def test_a_container_that_was_killed_while_it_loaded_does_not_load_the_rest_alone(sidecar: Sidecar) -> None:
    """Each table's file goes once it is loaded, and what it was loaded into went too: a table would be missing."""
    (sidecar.dump / "tables" / "2.sql").write_text("kill the server\n")
    sidecar.run()
    assert not (sidecar.dump / "tables" / "1.sql").exists()
    (sidecar.dump / "tables" / "2.sql").write_text("fine\n")
    for name in ("loading.pid", "loading.ended", "mysqld.stopped"):
        (sidecar.work / name).unlink()
    assert (sidecar.run(), sidecar.blames()) == ("137", False)
    assert not (sidecar.scratch / "copy" / "data").exists()

"""What `prepare` believes of a volume that it finds filled, in a real shell. Code in the member's mysqld container may
have written to it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mysqlops.kube import manifests

_STATEMENTS = ("accounts.sql", "reset.sql", "rejoin.sql")
# Notes which statements it is given, and ends as a server does that has run all of them.
_MYSQLD = '#!/bin/sh\necho "$*" >>"$CALLS"\necho "Received SHUTDOWN from user"\n'
# One that refuses a statement goes on without the rest, and stays up.
_REFUSES = """#!/bin/sh
echo "$*" >>"$CALLS"
echo "[ERROR] [MY-013178] 3638 Cannot use these credentials for 'root@localhost'"
echo "mysqld: ready for connections."
exec sleep 30
"""


class Pod:
    """A member's volume with data, and the statements that `credentials` has written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.volume = folder, folder / "volume"
        for one in ("bin", "run/statements", "run/mysqlops", "tmp", "volume/data"):
            (folder / one).mkdir(parents=True)
        for name in _STATEMENTS:
            (folder / "run/statements" / name).write_text("SHUTDOWN;\n")
        self.server(_MYSQLD)

    def server(self, text: str) -> None:
        (self.folder / "bin/mysqld").write_text(text)
        (self.folder / "bin/mysqld").chmod(0o755)

    def prepare(self) -> subprocess.CompletedProcess[str]:
        script = manifests.read_text("base/config/prepare.sh")
        script = re.sub(r"(?<![\w.])/(run|tmp)/", lambda found: f"{self.folder}{found[0]}", script)
        environment = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "MYSQLOPS_VOLUME": str(self.volume),
            "CALLS": str(self.folder / "calls"),
        }
        command = ["sh", "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def ran(self) -> list[str]:
        """The files whose statements a server was given."""
        calls = self.folder / "calls"
        text = calls.read_text() if calls.exists() else ""
        return [Path(one).name for one in re.findall(r"--init-file=(\S+)", text)]

    def statements(self) -> list[str]:
        return sorted(one.name for one in (self.folder / "run/statements").iterdir())


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


@pytest.mark.parametrize(
    "marker", ["../../volume/evil", "../../run/statements/accounts", "accounts", "reset; evil", "reset\nevil", "*"]
)
def test_the_text_of_a_marker_is_never_a_path(pod: Pod, marker: str) -> None:
    (pod.volume / "restored").write_text(marker)
    (pod.volume / "evil.sql").write_text("SELECT 1;\n")
    done = pod.prepare()
    assert (done.returncode, pod.ran()) == (1, [])
    assert "is not of mysqlops; nothing was changed" in done.stderr
    assert (pod.volume / "restored").read_text() == marker


@pytest.mark.parametrize(("marker", "file"), [("", "reset.sql"), ("reset", "reset.sql"), ("rejoin", "rejoin.sql")])
def test_a_restored_volume_gets_this_cluster_s_passwords_once(pod: Pod, marker: str, file: str) -> None:
    (pod.volume / "restored").write_text(marker)
    done = pod.prepare()
    assert (done.returncode, pod.ran()) == (0, [file]), done.stderr
    assert (list(pod.volume.iterdir()), pod.statements()) == ([pod.volume / "data"], [])
    assert (pod.prepare().returncode, pod.ran()) == (0, [file])


def test_data_from_before_a_restore_gets_today_s_passwords(pod: Pod) -> None:
    """`restore --revert`: `credentials` asks, and the volume says nothing of it."""
    (pod.folder / "run/statements/of-before").write_text("reset")
    assert (pod.prepare().returncode, pod.ran(), pod.statements()) == (0, ["reset.sql"], [])


def test_what_a_server_that_died_was_committing_is_decided_before_one_without_a_binary_log_starts(pod: Pod) -> None:
    (pod.volume / "data/binlog.index").write_text("./binlog.000001\n")
    (pod.folder / "run/statements/of-before").write_text("reset")
    assert (pod.prepare().returncode, pod.ran()) == (0, ["shutdown.sql", "reset.sql"])
    calls = (pod.folder / "calls").read_text().splitlines()
    assert ["--skip-log-bin" in one for one in calls] == [False, True]


def test_a_volume_with_data_is_left_as_it_is_and_the_statements_go(pod: Pod) -> None:
    assert (pod.prepare().returncode, pod.ran(), pod.statements()) == (0, [], [])


def test_a_server_that_refuses_a_statement_is_stopped_and_its_own_words_are_the_last(pod: Pod) -> None:
    """It would stay up until a time limit, ten minutes long, and then begin again."""
    pod.server(_REFUSES)
    (pod.volume / "restored").write_text("reset")
    done = pod.prepare()
    assert done.returncode == 1
    assert "3638 Cannot use these credentials" in done.stderr.splitlines()[-1]
    assert (pod.volume / "restored").exists()
    assert pod.statements() == sorted(_STATEMENTS)  # the container starts again, and needs them

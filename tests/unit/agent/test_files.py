"""Files that the agent writes where mysqld's container can write too."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mysqlops.agent import life, settings
from mysqlops.agent.pod import Pod
from mysqlops.clock import SystemClock


@pytest.fixture(name="pod")
def _pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    for name in ("run", "credentials"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(settings, name.upper(), tmp_path / name)
    return Pod(settings.Settings("mysql", "db", "mysql-0", "uid"))


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    secret, mark = tmp_path / "backup-key", tmp_path / "handing-over"
    secret.write_text("the key")
    mark.symlink_to(secret)
    settings.write(mark, "12")
    assert (secret.read_text(), mark.read_text()) == ("the key", "12")
    assert not mark.is_symlink()
    assert mark.stat().st_mode & 0o777 == 0o600
    assert {one.name for one in tmp_path.iterdir()} == {"backup-key", "handing-over"}


def test_mysqld_s_container_cannot_say_that_the_agent_hands_over(pod: Pod) -> None:
    """The agent would never restore the label again; a FIFO would stop its loop."""
    (settings.RUN / "handing-over").write_text("1")
    assert not pod.is_handing_over(SystemClock())
    (settings.RUN / "handing-over").unlink()
    os.mkfifo(settings.RUN / "handing-over")
    asked = threading.Thread(target=pod.is_handing_over, args=[SystemClock()], daemon=True)
    asked.start()
    asked.join(5)
    assert not asked.is_alive()
    with pod.handing_over():
        assert pod.is_handing_over(SystemClock())
    assert not pod.is_handing_over(SystemClock())


def test_what_is_known_of_the_group_outlives_the_agent(pod: Pod) -> None:
    assert pod.standing() is None
    pod.note_standing("8")
    assert Pod(pod.me).standing() == "8"
    (settings.CREDENTIALS / "standing").write_bytes(b"\xff")
    assert pod.standing() is None
    (settings.CREDENTIALS / "standing").unlink()
    (settings.CREDENTIALS / "standing").mkdir()
    pod.note_standing("8")  # a memory that is full is no reason to stop
    assert pod.standing() is None


def test_a_folder_in_place_of_a_mark_does_not_stop_the_agent(pod: Pod) -> None:
    (settings.RUN / "left").mkdir()
    pod.hold_back()
    pod.let_go()
    os.symlink("/dev/zero", settings.RUN / "life")
    assert not life.await_end(settings.RUN / "life")

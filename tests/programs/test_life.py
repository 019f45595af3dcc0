"""How an agent sees that its server has ended."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

from mysqlops.agent import life


def test_the_end_of_a_process_is_seen_and_nothing_else(tmp_path: Path) -> None:
    fifo = tmp_path / "life"
    assert not life.await_end(fifo), "an older start.sh makes none"
    os.mkfifo(fifo)
    assert not life.await_end(fifo), "nobody holds it"
    server = subprocess.Popen(["sh", "-c", f"exec 9<>{fifo}; echo up; exec cat"], stdin=-1, stdout=-1)
    assert server.stdout is not None
    server.stdout.readline()
    seen = list[bool]()
    watching = threading.Thread(target=lambda: seen.append(life.await_end(fifo)))
    watching.start()
    for number in (19, 18):  # SIGSTOP, SIGCONT
        server.send_signal(number)
    watching.join(0.05)
    assert not seen, "a frozen server is no dead one"
    server.kill()
    watching.join(5)
    assert seen == [True]
    assert not life.await_end(fifo)
    server.communicate()

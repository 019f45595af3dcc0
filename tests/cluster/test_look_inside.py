"""Look inside a real cluster: sql by each of its ways, top and the end of a session, status --at-risk, doctor --fix."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mysqlops.core import rights
from mysqlops.errors import PodBusy
from tests.cluster.conftest import KUBECONFIG, Namespace, eventually, run

pytestmark = pytest.mark.long
_SLEEPING = "SELECT SLEEP(100)"


def test_a_client_runs_statements_as_the_application(cluster: Namespace) -> None:
    """With the rights of a client; the password is in Secret mysql-app, which that may read."""
    made = cluster.must(
        "sql", "mysql", "-e", "SELECT CURRENT_USER() u, NULL n; CREATE TABLE looked (id INT PRIMARY KEY)", "-o", "json"
    )
    assert made["results"] == [{"columns": ["u", "n"], "rows": [["app@%", None]]}]
    done = cluster.mysqlops("sql", "mysql", "-e", "SELECT * FROM nowhere", "-o", "json")
    assert (done.code, done.json()["code"]) == (20, "mysql-statement")
    seen = cluster.must("sql", "mysql", "--replica", "-e", "SELECT @@super_read_only", "-o", "json")
    assert (seen["member"] != cluster.status()["primary"], seen["results"][0]["rows"]) == (True, [["1"]])
    refused = cluster.mysqlops("sql", "mysql", "--user", "root", "-e", "SELECT 1")
    assert (refused.code, "kubernetes-forbidden" in refused.err) == (10, True)  # a client may not read mysql-root


def test_root_runs_statements_on_a_chosen_member(cluster: Namespace) -> None:
    words = ("sql", "mysql", "--user", "root", "--member", "mysql-1", "-e", "SELECT CURRENT_USER(), @@hostname")
    done = cluster.mysqlops(*words, "-o", "json", MYSQLOPS_KUBECONFIG=KUBECONFIG)
    assert done.code == 0, done.err
    ((user, host),) = json.loads(done.out)["results"][0]["rows"]
    assert (user.partition("@")[0], host) == ("root", "mysql-1")


def test_accounts_are_listed_with_their_secrets(cluster: Namespace) -> None:
    done = cluster.mysqlops("users", "list", "mysql", "-o", "json")
    assert done.code == 0, done.err
    found = {one["user"]: one for one in done.json()}
    assert found["app"]["secret"] == "mysql-app"
    assert [line for line in cluster.secret_lines() if line in done.out + done.err] == []


def test_top_repeats_until_it_is_stopped(cluster: Namespace) -> None:
    words = [sys.executable, "-m", "mysqlops", "top", "mysql", "--watch"]
    environment = {**_login(cluster), "MYSQLOPS_KUBECONFIG": cluster.logins["operator"]}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(3)]
        assert process.poll() is None, seen
        process.terminate()


def _login(cluster: Namespace) -> dict[str, str]:
    login = cluster.logins.get(rights.identity_for("sql"))
    return {**os.environ, "MYSQLOPS_NAMESPACE": cluster.name, **({"MYSQLOPS_KUBECONFIG": login} if login else {})}


def test_statements_from_a_pipe(cluster: Namespace) -> None:
    words = [sys.executable, "-m", "mysqlops", "sql", "mysql"]
    text = "CREATE TABLE piped (id INT PRIMARY KEY);\n" + "".join(
        f"INSERT INTO piped VALUES ({one});\n" for one in range(2000)
    )
    text += "SELECT COUNT(*) FROM piped;\n"
    done = subprocess.run(
        words, input=text, env=_login(cluster), capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "COUNT(*)\n2000\n"), done.stderr


def test_a_reader_of_the_results_that_goes_ends_it_quietly(cluster: Namespace) -> None:
    words = [sys.executable, "-m", "mysqlops", "sql", "mysql"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=_login(cluster), text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("SELECT 1;\n")
        process.stdin.flush()
        process.stdout.close()
        process.stdin.write("SELECT REPEAT('x', 100000);\n" * 5)
        process.stdin.close()
        said = process.stderr.read()
        assert (process.wait(120), "lost" in said) == (141, False), said


def test_a_terminal_is_lent_and_restored(cluster: Namespace) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    words = [sys.executable, "-m", "mysqlops", "sql", "mysql"]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=_login(cluster)) as process:
        said = _until(ours, b"mysql> ")
        os.write(ours, b"SELECT CONCAT('a', 'b') AS c;\r")
        said += _until(ours, b"mysql> ")
        assert termios.tcgetattr(theirs)[3] != before[3]
        os.write(ours, b"exit\r")
        assert process.wait(60) == 0
    assert b"| ab " in said
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)


def _until(terminal: int, text: bytes, seconds: float = 120) -> bytes:
    said, deadline = b"", time.monotonic() + seconds
    while text not in said and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            with contextlib.suppress(OSError):
                said += os.read(terminal, 1000)
    assert text in said, said.decode(errors="replace")
    return said


def test_a_session_is_found_and_ended(cluster: Namespace) -> None:
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(cluster.mysqlops("sql", "mysql", "-e", _SLEEPING).code))
    thread.start()
    eventually(lambda: _sleeping(cluster) is not None, "the session is listed", 120)
    primary = cluster.status()["primary"]
    cluster.must("top", "mysql", "--member", primary, "--kill", str(_sleeping(cluster)), "--yes")
    thread.join(120)
    assert ended == [20]
    ours = [one for one in _sessions(cluster) if one["ours"]]
    done = cluster.mysqlops("top", "mysql", "--kill", str(ours[0]["id"]), "--yes")
    assert (done.code, "not-a-clients-session" in done.err) == (3, True)


def _sessions(cluster: Namespace) -> list[dict[str, object]]:
    found = cluster.must("top", "mysql", "-o", "json")["members"][cluster.status()["primary"]]
    assert found["failed"] == {}
    return list(found["sessions"])


def _sleeping(cluster: Namespace) -> object:
    return next((one["id"] for one in _sessions(cluster) if "SLEEP" in str(one["statement"])), None)


def test_what_is_at_risk(cluster: Namespace) -> None:
    done = cluster.mysqlops("status", "mysql", "--at-risk", "-o", "json")
    found = json.loads(done.out)
    assert [one["missing"] is not None and one["age"] < 30 for one in found["words"]] == [True] * len(found["words"])
    assert found["losses"][-1]["seconds"] is None  # no backup


def test_a_deleted_budget_is_made_again_by_an_owner(cluster: Namespace) -> None:
    cluster.kubectl("delete", "poddisruptionbudget", "mysql")
    words = ("doctor", "mysql", "--check", "disruption-budget")
    assert cluster.mysqlops(*words).code == 8
    done = cluster.mysqlops(*words, "--fix", "--yes", MYSQLOPS_KUBECONFIG=cluster.logins["owner"])
    assert (done.code, "applied PodDisruptionBudget mysql" in done.err) == (0, True), done.err
    assert cluster.mysqlops(*words).code == 0


def test_many_who_look_at_once_do_not_end_the_agent(cluster: Namespace) -> None:
    """Seven ended an agent of 128 MiB for memory. Those for whom there is no place hear so."""

    def look(_: int) -> int:
        inside = ("exec", "mysql-0", "-c", "agent", "--", "python3", "/agent/agent.pyz", "top")
        return run("kubectl", f"--kubeconfig={KUBECONFIG}", "-n", cluster.name, *inside, timeout=120).code

    before = cluster.restarts("mysql-0", "agent")
    for _ in range(3):
        with ThreadPoolExecutor(9) as pool:
            codes = list(pool.map(look, range(9)))
        assert set(codes) <= {0, PodBusy.exit_code}, codes
        assert codes.count(0) >= 3, codes
    assert cluster.restarts("mysql-0", "agent") == before

"""`mysqlops sql`: the member, what its client said, and the command around it."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.cli.main import run
from mysqlops.core import names, secret_map
from mysqlops.kube import attach
from mysqlops.mysql import client_output
from mysqlops.operations import sql
from mysqlops.planning import serving
from tests.unit.fakes.cluster import NAME, Cluster

PASSWORD = "p\"\\#' é secret"


def _framed(*parts: bytes, end: bytes = b"0\n") -> bytes:
    return b"".join(b"%d\n%b" % (len(part), part) for part in parts) + end


def test_a_client_that_does_not_start_is_no_prompt() -> None:
    with pytest.raises(errors.PodExecFailed, match="did not start: sh: stty: not found"):
        sql.introduce(Said([(1, b"sh: stty: not found")]), b"x")
    with pytest.raises(errors.PodExecFailed, match="did not start"):
        sql.introduce(Said([(1, b"x" * 5000)]), b"x")


@dataclass
class Said(attach.Attached):
    """A program that said this, and ended."""

    said: list[tuple[int, bytes]]
    given: list[bytes] = field(default_factory=list)
    exit_code: int | None = 0

    def read(self) -> tuple[int, bytes] | None:
        return self.said.pop(0) if self.said else None

    def write(self, data: bytes) -> None:
        self.given.append(data)


XML = """<?xml version="1.0"?>

<resultset statement="SELECT 1 &gt; 0
" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <row>
\t<field name="a&lt;&quot;b">x &amp;lt; \x01\n</field>
\t<field name="n" xsi:nil="true" />
  </row>

  <row>
\t<field name="a&lt;&quot;b"></field>
\t<field name="n">NULL</field>
  </row>
</resultset>
<?xml version="1.0"?>

<resultset statement="SELECT 1 FROM t WHERE FALSE" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"></resultset>
"""


def test_results_tell_null_from_text() -> None:
    first, empty = client_output.results(XML)
    assert first.columns == ('a<"b', "n")
    assert first.rows == (("x &lt; \x01\n", None), ("", "NULL"))
    assert (empty.columns, empty.rows) == ((), ())


@pytest.mark.parametrize(
    ("said", "kind", "errno"),
    [
        ("ERROR 1064 (42000) at line 1: You have an error", errors.StatementFailed, 1064),
        ("WARNING: x\nERROR 1045 (28000): Access denied for user 'app'@'localhost'", errors.AccessDenied, 1045),
        ("ERROR 2002 (HY000): Can't connect to local MySQL server", errors.ConnectFailed, 2002),
        ("sh: mysql: not found", errors.MysqlError, 0),
    ],
)
def test_what_the_client_ended_with_is_an_error_of_ours(said: str, kind: type[errors.MysqlError], errno: int) -> None:
    error = client_output.failure(1, said)
    assert (type(error), error.errno, error.exit_code) == (kind, errno, 20)


def test_the_member() -> None:
    cluster = Cluster(3)
    cluster.facts["mysql-1"] |= {"behind": 5}
    cluster.settle()
    now = _judged(cluster)
    assert serving.choose(now) == "mysql-0"
    assert serving.choose(now, replica=True) == "mysql-2"
    assert serving.choose(now, "1") == serving.choose(now, "mysql-1") == "mysql-1"
    for wrong in ("9", "mysql-9", "other-0", "²"):
        with pytest.raises(errors.Refused, match="mysql has mysql-0, mysql-1, mysql-2"):
            serving.choose(now, wrong)
    alone = _judged(Cluster(1))
    with pytest.raises(errors.Refused, match="no replica of mysql is ONLINE"):
        serving.choose(alone, replica=True)


def _judged(cluster: Cluster) -> Any:
    from mysqlops.operations import observe

    return observe.judged(cluster.session(), NAME)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(3)
    key = secret_map.place(NAME, names.KEY_APP_PASSWORD).key
    found = made.store.objects["Secret", secret_map.secret(NAME, secret_map.APP)]
    found["data"] = {key: base64.b64encode(PASSWORD.encode()).decode()}
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: made.session().client)
    monkeypatch.setattr("mysqlops.clock.SystemClock", lambda: made.clock)
    return made


def _answering(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, said: Sequence[tuple[int, bytes]], code: int = 0
) -> list[Any]:
    """What was started, and what it was given."""
    seen: list[Any] = []

    @contextlib.contextmanager
    def attached(pod: str, container: str, command: Sequence[str], *, tty: bool) -> Iterator[Said]:
        running = Said(list(said), exit_code=code)
        seen.append((pod, container, list(command), tty, running))
        yield running

    client = cluster.session().client
    client.attached = attached  # type: ignore[method-assign]
    monkeypatch.setattr("mysqlops.cli.context.client", lambda *_: client)
    monkeypatch.setattr("threading.Thread.start", lambda self: self.run())
    return seen


def test_a_statement_and_its_result(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = _answering(monkeypatch, cluster, [(1, XML.encode()[:90]), (1, XML.encode()[90:])])
    assert run(["sql", "-e", "SELECT 'hush'", "-o", "json", "-D", "x y"]) == 0  # the only cluster
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["member"], len(found["results"])) == ("Sql", "mysql-0", 2)
    assert found["results"][0]["rows"][1] == ["", "NULL"]
    ((pod, container, command, tty, running),) = seen
    assert (pod, container, tty) == ("mysql-0", "mysqld", False)
    assert not any(one in word for word in command for one in ("secret", "hush", "x y"))
    file = sql.option_file("app", PASSWORD, "x y")
    assert b"".join(running.given) == _framed(file, b"SELECT 'hush'")
    assert b"\n[mysql]\ndatabase = x y\n" in file


def test_results_that_are_kept_have_a_limit_and_text_has_none(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sql, "MOST_KEPT", 1 << 20)
    _answering(monkeypatch, cluster, [(channel, b"x" * (1 << 19)) for channel in (1, 2, 1)])
    assert run(["sql", "-e", "SELECT 1", "-o", "json"]) == errors.PodExecFailed.exit_code
    shown = capsys.readouterr()
    assert "mysql-0: the results are larger than 1 MiB; statements may have run" in shown.err + shown.out
    assert "LIMIT" in shown.err + shown.out


def test_names_and_values_of_others_are_shown_as_text(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    xml = XML.replace("a&lt;&quot;b", "[red]Id\x1b[2J")
    _answering(monkeypatch, cluster, [(1, xml.encode())])
    assert run(["sql", NAME, "-e", "SELECT 1"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["[red]Id\\x1b[2J", "n"]
    assert "\x1b" not in out
    assert "x &lt; \\x01\\n" in out


def test_a_failure_has_its_status_and_is_a_document(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, cluster, [(2, b"ERROR 1146 (42S02) at line 1: Table 'app.t' doesn't exist\n")], code=1)
    assert run(["sql", NAME, "-e", "SELECT * FROM t", "-o", "json"]) == 20
    assert json.loads(capsys.readouterr().out)["code"] == "mysql-statement"


def test_statements_from_a_pipe_are_passed_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    seen = _answering(monkeypatch, cluster, [(1, b"a\tb\n1\t\xff\n")])
    (tmp_path / "in").write_bytes(b"SELECT 1;\n" * 10_000)
    with (tmp_path / "in").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert run(["sql", NAME, "--replica"]) == 0
    assert capfd.readouterr().out == "a\tb\n1\t\ufffd\n"
    assert (seen[0][0], b"".join(seen[0][4].given).count(b";")) == ("mysql-1", 10_000)


def test_an_account_that_is_not_ours_or_whose_password_may_not_be_read(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sql", NAME, "--user", "somebody", "-e", "x"]) == 2
    assert "expected one of app, root, mysqlops" in capsys.readouterr().err
    assert run(["sql", NAME, "--user", "root", "-e", "x"]) == errors.NotFound.exit_code
    assert "Secret mysql-root has no password of root" in capsys.readouterr().err
    assert run(["sql", NAME, "--member", "1", "--replica", "-e", "x"]) == 2

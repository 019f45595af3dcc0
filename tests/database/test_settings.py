"""How mysqlops reads my.cnf and judges options, compared with mysqld itself."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from mysqlops import errors
from mysqlops.clock import SystemClock
from mysqlops.core import adoption, my_cnf, mysqld_config, names, setting_rules, view
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError
from mysqlops.kube import manifests
from mysqlops.mysql import connect, group_replication, probe, variables
from mysqlops.objects import render
from mysqlops.planning import settings as planning
from tests.database import containers
from tests.database.conftest import Database
from tests.database.files import PASSWORDS
from tests.database.group import REPLICATION, Group, Member, Settings

_INPUTS = Path(__file__).parents[1] / "inputs"
_ALLOWED = Path(__file__).with_name("allowed-options-9.7.txt")
_SLOW = hypothesis(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_LINES = st.text("ab1 \t'\"\\#=;nts_-éà!", max_size=24)
# A server keeps the values of its variables in three bytes a character: more become `?`.
_VALUES = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40)


class Mysqld:
    """A container in which mysqld is asked, and does not serve."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ask(self, my_cnf_text: str, *words: str, code: int = 0) -> str:
        command = ["docker", "exec", "-i", self.name, "sh", "-c", 'cat >/tmp/my.cnf; exec mysqld "$@"', "sh"]
        command += ["--defaults-file=/tmp/my.cnf", *words]
        done = subprocess.run(command, input=my_cnf_text.encode(), capture_output=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr.decode(errors="replace")[-500:]
        return done.stdout.decode(errors="surrogateescape")

    def values(self, my_cnf_text: str) -> dict[str, str]:
        """Each option as the server has it once it has read that file."""
        table = self.ask(my_cnf_text, "--verbose", "--help").partition("\nVariables (--variable-name=value)\n")[2]
        rows = re.findall(r"^([a-z][a-z0-9-]*)[ ]+(\S.*)$", table.partition("\n\n")[0], re.MULTILINE)
        found = {name.replace("-", "_"): "" if value == "(No default value)" else value for name, value in rows}
        return {name: value for name, value in found.items() if name != "and"}  # a word of a text that is folded


@pytest.fixture(scope="module")
def mysqld(template: containers.Template) -> Iterator[Mysqld]:
    name = f"mysqlops-test-{secrets.token_hex(3)}-options"
    containers.docker("run", "-d", "--rm", "--name", name, "--entrypoint", "sleep", containers.image(), "600")
    try:
        yield Mysqld(name)
    finally:
        containers.docker("rm", "-f", name, check=False)


def _as_arguments(found: list[my_cnf.Setting]) -> str:
    return " ".join(f"--{one.key}" if one.value is None else f"--{one.key}={one.value}" for one in found)


@_SLOW
@given(st.lists(_LINES, min_size=20, max_size=60))
def test_lines_are_read_as_mysqld_reads_them(mysqld: Mysqld, lines: list[str]) -> None:
    kept: list[str] = []
    for place, line in enumerate(lines):
        written = f"k{place}{line}"
        try:
            my_cnf.parse(f"[mysqld]\n{written}", "x")
        except ConfigError:
            continue  # a character that the server would cut in two
        kept.append(written)
    text = "\n".join(["[mysqld]", *kept, ""])
    told = mysqld.ask(text, "--print-defaults").partition("arguments:\n")[2]
    assert told.removesuffix(" \n") == _as_arguments(my_cnf.parse(text, "x"))


@_SLOW
@given(st.lists(_VALUES, min_size=20, max_size=60))
def test_any_value_can_be_written_so_that_mysqld_reads_it(mysqld: Mysqld, values: list[str]) -> None:
    wanted = [my_cnf.Setting(f"k{place}", value, place + 2) for place, value in enumerate(values)]
    text = "\n".join(["[mysqld]", *(my_cnf.written(one.key, one.value) for one in wanted), ""])
    assert my_cnf.parse(text, "x") == wanted
    assert mysqld.ask(text, "--print-defaults").partition("arguments:\n")[2].removesuffix(" \n") == _as_arguments(
        wanted
    )


@pytest.mark.parametrize(
    "line",
    [
        "skip-slow-query-log",
        "skip_slow_query_log = 0",
        "disable-slow-query-log=1",
        "enable-slow-query-log",
        "enable_slow_query_log=0",
        "loose-skip-slow-query-log=0",
        "skip-loose-slow-query-log",
        "slow-query-log",
        "slow_query_log = oN # as it was",
        "skip-name-resolve",
        "skip-name-resolve = OFF",
        "max-allowed-packet = 16m",
        "long_query_time = .5",
        "slave-parallel-workers = 3",
        "log-slave-updates = 0",
        "skip-external-locking",
        "sql_mode = 'ANSI'",
        "sql_mode = TRADITIONAL",
        "optimizer-switch = 'index_merge_intersection=off'",
        "max_allowed_packet = 1234567",
    ],
)
def test_options_are_read_as_mysqld_reads_them(mysqld: Mysqld, line: str) -> None:
    text = f"[mysqld]\n{line}\n"
    ((name, value),) = planning.values(text).items()
    running = mysqld.values(text)
    if name == "skip_external_locking":
        name, value = "external_locking", "OFF"
    assert not planning.differs(name, value, running[name]), (name, value, running[name])


def test_a_name_cut_short_is_no_name(mysqld: Mysqld) -> None:
    """Otherwise `sync_binlo` would get past the rules."""
    assert mysqld.ask("[mysqld]\nsync_binlo = 0\n", "--validate-config", "--log-error-verbosity=1", code=1) == ""
    assert mysqld.values("[mysqld]\nsync_binlo = 0\n")["sync_binlog"] == "1"


@pytest.mark.parametrize("file", ["comments.cnf", "pool.cnf", "history.cnf", "autocommit.cnf"])
def test_a_real_file_makes_no_false_drift(mysqld: Mysqld, file: str) -> None:
    text = (_INPUTS / file).read_text()
    user = mysqld_config.check_user_settings(mysqld_config.parse(text, file), file)
    base = next(one for one in manifests.load_base() if one["kind"] == "ConfigMap" and "my.cnf" in one.get("data", {}))
    whole = render.my_cnf(base["data"]["my.cnf"], ClusterSpec("c", "n", memory="8Gi", mysqld=user))
    running = mysqld.values(whole)
    known = {name: value for name, value in planning.values(whole).items() if name in running}
    assert len(known) > 40
    different = {
        name: (value, running[name]) for name, value in known.items() if planning.differs(name, value, running[name])
    }
    assert not different


def test_every_option_of_this_server_was_judged(mysqld: Mysqld) -> None:
    """An option that a new version brings is looked at before it can be set in passing. The file has those that need no
    rule."""
    allowed = set(_ALLOWED.read_text().split())
    found = {one for one in mysqld.values("[mysqld]\n") if not one.startswith(("ndb", "mysqlx_"))}
    options = {my_cnf.option(one, "1").name for one in found}
    assert len(options) > 500
    assert sorted(one for one in options - allowed if setting_rules.rule_of(one) is None) == []
    assert not {one for one in allowed if setting_rules.rule_of(one)}


@hypothesis(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_VALUES, st.sampled_from(["", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"]))
def test_a_text_arrives_in_a_running_server_as_it_is(database: Database, value: str, sql_mode: str) -> None:
    with database.connect() as server:
        server.query("SET SESSION sql_mode = %s", [sql_mode])
        try:
            assert variables.set_all(server, {"init_connect": value}) == {}
            assert variables.get(server, ["init_connect"]) == {"init_connect": value}
        finally:
            server.query("SET GLOBAL init_connect = ''")


@pytest.mark.parametrize(
    "line",
    [
        "max_connections = 120 # fewer",
        'sql_mode = "STRICT_TRANS_TABLES"',
        "long_query_time = '2'",
        "init_connect='SET NAMES utf8mb4 COLLATE utf8mb4_bin'",
        "max_allowed_packet = 16M",
        "slow-query-log",
        "skip-slow-query-log",
        "optimizer_switch = 'index_merge_intersection=off'",
        "init_connect=''",
    ],
)
def test_a_line_of_my_cnf_can_be_set_live(database: Database, line: str) -> None:
    ((name, value),) = planning.values(f"[mysqld]\n{line}\n").items()
    with database.connect() as server:
        before = variables.get(server, [name])
        try:
            assert variables.set_all(server, {name: value}) == {}
            assert not planning.differs(name, value, variables.get(server, [name])[name])
        finally:
            variables.set_all(server, before)
        assert variables.get(server, [name]) == before


@pytest.fixture(scope="module")
def member(template: containers.Template) -> Iterator[Member]:
    """A group of one, with a real person's settings."""
    text = (_INPUTS / "comments.cnf").read_text()
    user = mysqld_config.check_user_settings(mysqld_config.parse(text, "comments.cnf"), "comments.cnf")
    lines = tuple((key, my_cnf.quoted(value or "ON")) for key, value in user.items())
    with Group(Settings(config=lines, members=1), template) as group:
        group.members[0].form()
        containers.eventually(lambda: group.members[0].observe().writable, "it takes writes")
        with group.members[0].server() as server:
            group_replication.accept_clients(server)
        yield group.members[0]


def _write_as_a_client(member: Member) -> None:
    """As the proof does: an account without administrative rights, over the network."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = containers.docker("inspect", "-f", form, member.container)
    login = connect.Login(names.USER_PROBE, PASSWORDS[names.KEY_PROBE_PASSWORD], ssl_mode=adoption.REQUIRED)
    probe._write(address, login, secrets.token_hex(8), SystemClock(), 0.0)


def test_a_running_server_shows_no_drift_from_a_real_file(member: Member) -> None:
    wanted = planning.values((_INPUTS / "comments.cnf").read_text())
    with member.server() as server:
        running = variables.get(server, list(wanted))
    assert set(running) == set(wanted)
    assert [name for name, value in wanted.items() if planning.differs(name, value, running[name])] == []


def _look_as_the_agent(member: Member) -> None:
    with member.login(names.USER_ADMIN, PASSWORDS[names.KEY_ADMIN_PASSWORD]) as server:
        group_replication.observe(server)


def _look_as_another_agent(member: Member) -> None:
    with connect.connect_tcp(member.address(), REPLICATION) as server:
        server.query("SELECT @@server_uuid")


# What is set, the error, and who gets it. An agent's own socket needs no TLS.
_SHUTS_OUT = [
    ({"protocol_compression_algorithms": "zstd"}, "3922", _look_as_the_agent),
    ({"max_join_size": "1"}, "1104", _look_as_the_agent),
    # With or without a TLS alert, as the server's OpenSSL has it.
    ({"tls_ciphersuites": ""}, "2003|2026", _look_as_another_agent),
    ({"tls_ciphersuites": "TLS_AES_128_CCM_SHA256"}, "2026", _look_as_another_agent),
    ({"ssl_cipher": "ECDHE-RSA-AES128-GCM-SHA256", "tls_version": "TLSv1.2"}, "2026", _look_as_another_agent),
    (
        {
            "caching_sha2_password_enforce_storage_format": "ON",
            "caching_sha2_password_storage_format": "PBKDF2_SHA512",
        },
        "1820",
        _look_as_the_agent,
    ),
]


@pytest.mark.parametrize(("values", "error", "look"), _SHUTS_OUT)
def test_what_would_shut_the_agent_out_has_a_rule(
    member: Member, values: dict[str, str], error: str, look: Callable[[Member], None]
) -> None:
    """Not only the proof: an agent that is shut out could not take it back."""
    assert any(setting_rules.refused_because(name, value) for name, value in values.items())
    with member.server(60) as kept:
        try:
            assert variables.set_all(kept, values) == {}
            kept.query("ALTER INSTANCE RELOAD TLS")
            with pytest.raises(errors.MysqlError, match=error):
                look(member)
        finally:
            assert variables.set_all(kept, dict.fromkeys(values)) == {}
            kept.query("ALTER INSTANCE RELOAD TLS")
    look(member)


def test_completion_type_chain_loses_what_a_client_takes_for_committed(member: Member) -> None:
    assert setting_rules.refused_because("completion_type", "CHAIN")
    with member.server() as kept:
        kept.query("SET GLOBAL completion_type = 'CHAIN'")
        with member.server() as client:
            client.query("BEGIN")
            client.query("COMMIT")
            client.query("INSERT INTO mysqlops.probe VALUES (7, 'lost', NOW())")
        kept.query("SET GLOBAL completion_type = DEFAULT")
        assert kept.query("SELECT id FROM mysqlops.probe WHERE id = 7") == []


def test_a_server_does_not_start_with_our_certificate_where_it_enforces_its_own_checks(
    template: containers.Template,
) -> None:
    name = "tls_certificates_enforced_validation"
    assert setting_rules.refused_because(name, "ON")
    with Group(Settings(members=1), template) as group:
        (one,) = group.members
        one.stop()
        group.configure({name: "ON"})
        containers.docker("start", one.container)
        containers.eventually(lambda: not one.is_running(), "it ends", 60)
        log = containers.docker("logs", "--tail", "300", one.container, stderr=True)
        complaints = [line for line in log.splitlines() if "[ERROR]" in line]
        assert "ertificate" in " ".join(complaints), complaints


@pytest.mark.parametrize("consistency", ["BEFORE", "AFTER"])
def test_a_member_that_lost_its_group_is_seen_whatever_sessions_are_to_wait_for(
    template: containers.Template, consistency: str
) -> None:
    """Its agent could not bring it back (error 3796)."""
    lines = (("loose_group_replication_consistency", consistency),)
    with Group(Settings(members=2, config=lines), template) as group:
        first, second = group.members
        group.form()
        second.kill()
        first.await_state(view.ERROR, seconds=60)


def test_a_replica_that_may_not_hold_a_transaction_leaves_the_group(template: containers.Template) -> None:
    assert setting_rules.refused_because("max_binlog_cache_size", "4096")
    with Group(Settings(members=2), template) as group:
        first, second = group.members
        group.form()
        second.query("SET GLOBAL max_binlog_cache_size = 4096")
        first.query("CREATE TABLE mysqlops.big (id INT PRIMARY KEY, b LONGBLOB)")
        first.query("INSERT INTO mysqlops.big VALUES (1, REPEAT('x', 100000))")
        second.await_state(view.ERROR, seconds=60)


# A member that hands over refuses clients by its offline mode for a moment: that is no evidence against a setting.
@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("init_connect", "SET NO_SUCH_VARIABLE = 1", errors.WriteRefused),
        ("binlog_format", "MIXED", errors.WriteRefused),
        ("offline_mode", "ON", errors.WaitTimeout),
    ],
)
def test_the_proof_sees_what_shuts_clients_out_and_my_cnf_lets_them_in_again(
    member: Member, name: str, value: str, error: type[errors.MysqlopsError]
) -> None:
    _write_as_a_client(member)
    with member.server() as server:
        assert variables.set_all(server, {name: value}) == {}
    try:
        with pytest.raises(error, match=r"no (answer to a )?write through"):
            _write_as_a_client(member)
    finally:
        back = {name: planning.values((_INPUTS / "comments.cnf").read_text()).get(name)}
        with member.server() as server:
            assert variables.set_all(server, back) == {}
    _write_as_a_client(member)

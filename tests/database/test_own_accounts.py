"""Our own accounts on a real server: under password policies of the site's own, and after somebody changed them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mysqlops import errors
from mysqlops.agent import credentials, pod, settings
from mysqlops.core import names
from mysqlops.mysql import account_files, accounts, connect, own_accounts
from tests.database.conftest import Database
from tests.database.containers import Template, docker, image
from tests.database.files import CONFIG, PASSWORDS, PREVIOUS

_POLICY = "INSTALL COMPONENT 'file://component_validate_password'"
_STRICT = {"policy": "STRONG", "length": 64}


@pytest.fixture
def server(writable: Database) -> Iterator[connect.Server]:
    """Writable, and nothing is logged; other tests find the accounts as they were."""
    with writable.connect() as made:
        made.query("SET sql_log_bin = 0")
        yield made
        for line in account_files.reset_file(PASSWORDS | PREVIOUS).removesuffix("SHUTDOWN;\n").splitlines():
            made.query(line.removesuffix(";"))


class _Pod(pod.Pod):
    def __init__(self, database: Database) -> None:
        super().__init__(settings.Settings("mysql", "db", "mysql-0", "uid"))
        self._database = database

    def server(self) -> connect.Server:
        return self._database.connect()


@pytest.fixture
def strict(server: connect.Server) -> Iterator[connect.Server]:
    """No password that Group Replication takes is long enough for it (error 3972 from 33 characters on)."""
    server.query(_POLICY)
    for name, value in _STRICT.items():
        server.query(f"SET GLOBAL validate_password.{name} = %s", [value])
    server.query("SET GLOBAL password_history = 5")
    server.query("SET GLOBAL password_reuse_interval = 365")
    server.query("SET GLOBAL default_password_lifetime = 90")
    yield server
    for name in ("password_history", "password_reuse_interval", "default_password_lifetime"):
        server.query(f"SET GLOBAL {name} = DEFAULT")
    server.query(_POLICY.replace("INSTALL", "UNINSTALL"))


def test_a_policy_of_the_sites_own_does_not_stop_a_rotation(database: Database, strict: connect.Server) -> None:
    one = accounts.Account("judged", "%", "its-key")
    first, second = credentials.password(), credentials.password()
    strict.query(f"CREATE USER judged IDENTIFIED {accounts.as_hash(first)} REQUIRE SSL")
    try:
        accounts.add_password(strict, one, second)
        for password in (first, second):
            database.connect("judged", password).close()
        for _ in range(2):
            accounts.keep_only(strict, one, second)
        database.connect("judged", second).close()
        with pytest.raises(errors.AccessDenied):
            database.connect("judged", first)
    finally:
        strict.query("DROP USER judged")
    accounts.add_password(strict, one, second)
    accounts.keep_only(strict, one, second)


def test_a_backups_account_is_made_under_a_policy_and_made_again(database: Database, strict: connect.Server) -> None:
    password = credentials.password()
    for _ in range(2):
        accounts.create_backup(strict, password)
    database.connect(names.USER_BACKUP, password).close()
    assert own_accounts.differs_because(strict, accounts.BACKUP) == ""
    accounts.drop(strict, names.USER_BACKUP)


@pytest.fixture
def remembering(server: connect.Server) -> Iterator[connect.Server]:
    """Any password is good enough, so it comes as it is and not as a hash: the server remembers it (case 1 of bugs)."""
    server.query("SET GLOBAL password_history = 5")
    server.query("SET GLOBAL password_reuse_interval = 365")
    yield server
    for name in ("password_history", "password_reuse_interval"):
        server.query(f"SET GLOBAL {name} = DEFAULT")


def test_a_backups_account_is_made_again_where_passwords_are_remembered(
    database: Database, remembering: connect.Server
) -> None:
    password = credentials.password()
    for _ in range(3):
        accounts.create_backup(remembering, password)
    database.connect(names.USER_BACKUP, password).close()
    accounts.drop(remembering, names.USER_BACKUP)


def test_a_rotation_goes_on_and_accounts_are_put_back_where_passwords_are_remembered(
    database: Database, remembering: connect.Server
) -> None:
    one = accounts.Account("judged", "%", "its-key")
    first, second = credentials.password(), credentials.password()
    remembering.query(f"CREATE USER judged IDENTIFIED BY {accounts.quote(first)} REQUIRE SSL")
    try:
        accounts.add_password(remembering, one, second)
        for _ in range(2):
            accounts.keep_only(remembering, one, second)
        accounts.keep_only(remembering, one, first)
        database.connect("judged", first).close()
    finally:
        remembering.query("DROP USER judged")
    password = PASSWORDS[accounts.PROBE.key]
    for other in (password, "another"):  # somebody changes it by hand, as for an account of their own
        remembering.query(f"ALTER USER {accounts.PROBE} IDENTIFIED {accounts.in_clear(other)} PASSWORD HISTORY 9")
    own_accounts.put_back(remembering, accounts.PROBE, password, is_accepted=False)
    assert own_accounts.accepts(remembering, accounts.PROBE, password)
    assert own_accounts.differs_because(remembering, accounts.PROBE) == ""


def test_an_exporters_account_may_do_what_it_needs_and_no_more(database: Database, strict: connect.Server) -> None:
    password = credentials.password()
    for _ in range(2):
        own_accounts.put_back(strict, accounts.EXPORTER, password, is_accepted=True)
    assert own_accounts.differs_because(strict, accounts.EXPORTER) == ""
    limit = strict.scalar("SELECT max_user_connections FROM mysql.user WHERE user = %s", [accounts.EXPORTER.user])
    assert limit == accounts.EXPORTER.connections
    rights = " ".join(str(grant) for (grant,) in strict.query(f"SHOW GRANTS FOR {accounts.EXPORTER}"))
    assert "REPLICATION CLIENT" in rights
    assert "PROCESS" not in rights
    strict.query(f"DROP USER {accounts.EXPORTER}")


def test_accounts_as_they_are_made_differ_in_nothing(server: connect.Server) -> None:
    assert [own_accounts.differs_because(server, one) for one in accounts.OURS] == ["", "", ""]
    assert not own_accounts.lacks_probe(server)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("DROP USER {}", "does not exist"),
        ("ALTER USER {} ACCOUNT LOCK", "is locked"),
        ("ALTER USER {} PASSWORD EXPIRE", "has an expired password"),
        ("ALTER USER {} PASSWORD EXPIRE DEFAULT", "has a password that expires"),
        ("ALTER USER {} REQUIRE NONE", "does not require TLS"),
        (f"ALTER USER {{}} IDENTIFIED {accounts.as_hash('another')}", ""),
        ("REVOKE {} ON {} FROM {}", "may not"),
    ],
)
@pytest.mark.parametrize("one", [accounts.PROBE, accounts.REPLICATION, accounts.ADMIN], ids=lambda one: str(one.user))
def test_what_somebody_changed_is_seen_and_put_back(
    database: Database, strict: connect.Server, one: accounts.Account, change: str, why: str
) -> None:
    if one == accounts.ADMIN and "REQUIRE" in change:
        pytest.skip("it comes through the socket only")
    what, _, where = ("SUPER ON *.*" if one == accounts.ADMIN else one.rights[0]).rpartition(" ON ")
    is_revoke = change.startswith("REVOKE")
    strict.query(change.format(*((what.split(",")[0], where, one) if is_revoke else (one,))))
    assert own_accounts.differs_because(strict, one).startswith(why)
    for _ in range(2):
        own_accounts.put_back(strict, one, PASSWORDS[one.key], is_accepted=False)
        assert own_accounts.differs_because(strict, one) == ""
    if one != accounts.ADMIN:
        database.connect(one.user, PASSWORDS[one.key]).close()
    assert own_accounts.accepts(strict, one, PASSWORDS[one.key])


def test_a_locked_account_has_no_password_that_anybody_could_use(server: connect.Server) -> None:
    server.query("CREATE USER shut IDENTIFIED BY 'x' ACCOUNT LOCK")
    for user in ("shut", "nobody"):
        assert own_accounts.hashes_of(server, accounts.Account(user, "%", "")) == ()
    server.query("DROP USER shut")


def _plugins(server: connect.Server) -> list[str]:
    wanted = "('caching_sha2_password', 'sha256_password', 'mysql_native_password')"
    rows = server.query(
        f"SELECT plugin_name FROM information_schema.plugins WHERE plugin_name IN {wanted} AND plugin_status = 'ACTIVE'"
    )
    return [str(name) for (name,) in rows]


def test_what_the_server_stores_says_which_passwords_an_account_has(server: connect.Server) -> None:
    one, others = accounts.Account("hashed", "%", ""), ("", "x", "SecretSecret", "secret" * 11)
    plugins = _plugins(server)
    assert "caching_sha2_password" in plugins
    for plugin in plugins:
        for password in ("secret" * 10, "pa's\\it", "x" * 32, "ümläut"):
            server.query("DROP USER IF EXISTS hashed")
            server.query(f"CREATE USER hashed IDENTIFIED WITH {plugin} BY {accounts.quote(password)}")
            assert own_accounts.accepts(server, one, password), (plugin, password)
            server.query("ALTER USER hashed IDENTIFIED BY 'another' RETAIN CURRENT PASSWORD")
            assert [own_accounts.accepts(server, one, text) for text in (password, "another")] == [True, True]
            assert not any(own_accounts.accepts(server, one, text) for text in others)
    server.query("DROP USER hashed")


def test_nobody_logs_in_to_compare(database: Database, server: connect.Server) -> None:
    """Each failed login would count against the account."""
    server.query("CREATE USER counted IDENTIFIED BY 'x' FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME UNBOUNDED")
    own = _Pod(database)
    assert [own.accepts(accounts.Account("counted", "%", ""), text) for text in ("wrong", "x")] == [False, True]
    database.connect("counted", "x").close()
    server.query("DROP USER counted")


def test_more_rights_than_ours_are_the_sites_own(server: connect.Server) -> None:
    server.query(f"GRANT ALL ON mysqlops.* TO {accounts.PROBE}")
    assert own_accounts.differs_because(server, accounts.PROBE) == ""
    server.query(f"REVOKE ALL ON mysqlops.* FROM {accounts.PROBE}")
    own_accounts.put_back(server, accounts.PROBE, PASSWORDS[accounts.PROBE.key], is_accepted=False)


def test_a_session_outlives_its_account_and_makes_it_again(database: Database, server: connect.Server) -> None:
    one = accounts.Account("kept", "%", "", ("ALL ON *.*",))
    server.query("CREATE USER kept IDENTIFIED BY 'x'")
    server.query("GRANT ALL ON *.* TO kept WITH GRANT OPTION")
    with database.connect("kept", "x") as session:
        session.query("SET sql_log_bin = 0")
        server.query("DROP USER kept")
        own_accounts.put_back(session, one, "x", is_accepted=False)
    database.connect("kept", "x").close()
    server.query("DROP USER kept")


def _prepare(template: Template, folder: Path, volume: str) -> str:
    """prepare.sh with the files of the folder, as the pod runs it."""
    mounts = {
        volume: "/var/lib/mysql",
        str(folder / "config"): "/etc/mysqlops:ro",
        str(folder / "statements"): "/run/statements:rw",
        str(template.folder / "tls"): "/run/tls:ro",
    }
    volumes = [word for source, path in mounts.items() for word in ("-v", f"{source}:{path}")]
    tmpfs = ("--tmpfs", "/run/mysqlops:uid=999,gid=999", "--tmpfs", "/tmp:uid=999,gid=999")
    script = "sh /etc/mysqlops/prepare.sh 2>&1; echo status $?"
    return docker("run", "--rm", "--user", "999:999", *tmpfs, *volumes, "--entrypoint", "", image(), "sh", "-c", script)


def test_prepare_works_under_policies_and_says_at_once_what_failed(template: Template, tmp_path: Path) -> None:
    folder, volume = tmp_path, f"{template.volume}-policies"
    folder.chmod(0o755)
    shutil.copytree(CONFIG, folder / "config")
    with (folder / "config" / "my.cnf").open("a") as file:
        file.write("password_history = 3\npassword_reuse_interval = 365\ndefault_password_lifetime = 90\n")
    statements = folder / "statements"
    statements.mkdir()
    statements.chmod(0o777)  # prepare deletes them
    weak = {key: f"weak {key}"[:32] for key in PASSWORDS}
    first = account_files.init_file(weak | PREVIOUS).removesuffix("SHUTDOWN;\n")
    dropped = f"{_POLICY};\nDROP USER {accounts.REPLICATION}, {accounts.APP};\nSHUTDOWN;\n"
    docker("volume", "create", volume)
    try:
        docker(
            "run", "--rm", "-v", f"{volume}:/v", "--entrypoint", "", "--user", "0:0", image(), "chown", "999:999", "/v"
        )
        (statements / "accounts.sql").write_text(first + dropped)
        assert "status 0" in _prepare(template, folder, volume)
        for mark, text, status in (
            ("reset", account_files.reset_file(weak | PREVIOUS), 0),
            ("rejoin", account_files.rejoin_file(weak), 0),
            ("reset", "ALTER USER root@localhost IDENTIFIED BY 'weak';\nSHUTDOWN;\n", 1),
        ):
            (statements / f"{mark}.sql").write_text(text)
            (statements / "of-before").write_text(mark)
            told = _prepare(template, folder, volume)
            assert f"status {status}" in told, told
        assert "did not run all statements of /run/statements/reset.sql" in told
        assert "1819" in told.splitlines()[-2]
    finally:
        docker("volume", "rm", "-f", volume, check=False)

"""Who has had a member's mysqld container writes to its volume, and waits for the next start of the pod: `prepare` runs
a server on that volume, beside the statements that give the accounts their passwords. Real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mysqlops.agent import credentials
from mysqlops.core import names
from tests.database.files import PASSWORDS, PREVIOUS
from tests.database.member_volume import MemberVolume

pytestmark = pytest.mark.database
# What `app` may create in a member, and what whoever writes to the volume makes of it.
_TABLES = """CREATE TABLE app.s (c text NOT NULL) ENGINE=CSV;
CREATE TABLE app.loot (c text);
SHUTDOWN;
"""
_EVIL = "CREATE TABLE app.evil (c text);\nINSERT INTO app.loot SELECT c FROM app.s;\nSHUTDOWN;\n"
_START = "mysqld --defaults-file=/etc/mysqlops/my.cnf --datadir=/var/lib/mysql/data --skip-networking --skip-log-bin"
_ONCE = f"{_START} --gtid-mode=OFF --enforce-gtid-consistency=OFF --super-read-only=OFF --read-only=OFF --plugin-load="


def _attack(volume: MemberVolume, marker: str) -> None:
    """The table's file becomes a way to another file, and `prepare` is asked to run statements."""
    volume.run(
        f"cat >/tmp/tables.sql <<'E'\n{_TABLES}E\n{_ONCE} --init-file=/tmp/tables.sql\n"
        "ln -sf /run/statements/reset.sql /var/lib/mysql/data/app/s.CSV\n"
        f"cat >/var/lib/mysql/evil.sql <<'E'\n{_EVIL}E\n"
        f"printf '%s' '{marker}' >/var/lib/mysql/restored\n"
    )


def test_a_path_in_the_marker_of_a_restore_is_not_run(member_volume: MemberVolume) -> None:
    _attack(member_volume, "../../var/lib/mysql/evil")
    told = member_volume.run("sh /etc/mysqlops/prepare.sh; echo status $?")
    assert "prepare: refused" in told
    assert "status 1" in told
    assert "no" in member_volume.run("[ -e /var/lib/mysql/data/app/evil.ibd ] && echo yes || echo no")


@pytest.mark.parametrize("marker", ["", "reset", "rejoin"])
def test_the_statements_are_gone_once_the_server_starts(member_volume: MemberVolume, marker: str) -> None:
    member_volume.run(f"printf '%s' '{marker}' >/var/lib/mysql/restored")
    told = member_volume.run("sh /etc/mysqlops/prepare.sh; echo status $?")
    assert "status 0" in told, told
    assert list(member_volume.statements.iterdir()) == []


def test_the_statements_hold_no_password(tmp_path: Path) -> None:
    credentials.write_statements(tmp_path, PASSWORDS | PREVIOUS | {names.KEY_BACKUP_PASSWORD: "backup's own"})
    text = "".join(file.read_text() for file in tmp_path.iterdir())
    for password in (*PASSWORDS.values(), *PREVIOUS.values(), "backup's own"):
        assert password not in text
        assert password.replace("\\", "\\\\").replace("'", "''") not in text


def test_an_agents_folder_holds_passwords_and_never_the_cas_key(tmp_path: Path) -> None:
    """No other container mounts it: what it logs in with, and what it can put back if somebody deletes a Secret."""
    kept = PASSWORDS | PREVIOUS | {names.KEY_BACKUP_PASSWORD: "b", names.KEY_GROUP_NAME: "g", names.KEY_BACKUP_KEY: "s"}
    others = {names.KEY_CA_KEY: "k", names.KEY_ADOPT_PASSWORD: "a"}
    credentials.write(tmp_path, credentials.of_agent(kept | others))
    assert {file.name for file in tmp_path.iterdir()} == set(kept)

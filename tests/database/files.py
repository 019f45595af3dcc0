"""What a pod gets from its Secrets: the accounts' file and the certificate, in folders that containers can read."""

from __future__ import annotations

from pathlib import Path

from mysqlops.agent import openssl, tls_check
from mysqlops.core import names
from mysqlops.mysql import account_files

CONFIG = Path(__file__).parents[2] / "manifests" / "base" / "config"
# START GROUP_REPLICATION takes at most 32 characters; these need quoting.
PASSWORDS = {key: f"pa's\\{key}"[:32] for key in names.PASSWORD_KEYS}
# The data directory is made while a rotation is open: it accepts these too.
PREVIOUS = {names.previous_key(key): f"of'd\\{key}"[:32] for key in names.PASSWORD_KEYS}
_TESTER = (
    "CREATE USER 'tester'@'%' IDENTIFIED BY 'tester';\nGRANT ALL ON *.* TO 'tester'@'%' WITH GRANT OPTION;\nSHUTDOWN;\n"
)


def write_accounts(folder: Path) -> None:
    """The accounts of a member, and `tester`, who may do everything."""
    folder.chmod(0o777)  # prepare deletes them
    file = folder / "accounts.sql"
    file.write_text(account_files.init_file(PASSWORDS | PREVIOUS).removesuffix("SHUTDOWN;\n") + _TESTER)
    file.chmod(0o644)


def write_certificate(folder: Path) -> None:
    """For the members of cluster `mysql` in namespace `db`."""
    made = openssl.make_ca(folder)
    openssl.make_certificate(folder, made[names.KEY_CA_KEY], made[tls_check.CA], ("mysql", "db"))
    for file in folder.iterdir():
        file.chmod(0o644)
    folder.chmod(0o755)

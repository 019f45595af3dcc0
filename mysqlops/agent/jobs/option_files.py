"""Option files of MySQL's clients, whose values may hold anything but control characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mysqlops.core import adoption
from mysqlops.errors import Reason, Refused
from mysqlops.mysql import adopting

Options = Sequence[tuple[str, str]]


def write(path: Path, **groups: Options) -> None:
    """Write a file that only this user may read; raises Refused for a value that an option file cannot hold."""
    path.touch(mode=0o600)
    path.write_text("".join(group(name, values) for name, values in groups.items()))


def group(name: str, values: Options) -> str:
    """Raises Refused for a value with control characters: it would end its line."""
    if odd := [key for key, text in values if not adoption.is_plain(text)]:
        raise Refused([Reason("unfit-name", f"{', '.join(odd)} of the source: control characters cannot be handled")])
    quoted = [(key, text.replace("\\", "\\\\").replace('"', '\\"')) for key, text in values]
    return f"[{name}]\n" + "".join(f'{key}="{text}"\n' for key, text in quoted)


def without(tables: Iterable[tuple[str, str]]) -> Options:
    """mysqldump leaves out these tables or views, each with its database."""
    return [("ignore-table", ".".join(table)) for table in tables]


def of_source(environment: Mapping[str, str], password: str, ca: str) -> Options:
    """How a client connects to an adoption's source, which it only reads."""
    mode = environment["SOURCE_SSL_MODE"]
    found = {key: environment[f"SOURCE_{key.upper()}"] for key in ("host", "port", "user")}
    found |= {"password": password, "ssl-mode": mode.replace("-", "_").upper()}
    if mode in adoption.VERIFYING:
        found["ssl-ca"] = ca
    if mode == adoption.DISABLED:
        found["get-server-public-key"] = "1"
    return [*found.items(), ("loose-init-command", adopting.READ_ONLY)]

"""Talk with the mysql client of a member as one of the cluster's accounts.

The password, the account, the database and the statements go through standard input (manifests/sql/client.sh):
arguments of programs are in the audit log of the API server, and in the process list of the pod.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.core import my_cnf, names, secret_map
from mysqlops.kube import attach, manifests
from mysqlops.kube.client import Client
from mysqlops.mysql import accounts, client_output, connect
from mysqlops.operations import observe, vault
from mysqlops.operations.session import Session
from mysqlops.planning import serving

READY = b"mysqlops-sql-ready"
_ACCOUNTS = {account.user: account for account in (accounts.APP, *accounts.ALWAYS, accounts.BACKUP)}
USERS = tuple(_ACCOUNTS)
_MOST_CHATTER = 4096
MOST_KEPT = 64 << 20  # of results as data, in the client's XML; text is printed as it comes
Hear = Callable[[int, bytes], None]


@dataclass(frozen=True)
class Request:
    """Where to, as whom; `database` None: the account's own."""

    member: str = ""
    replica: bool = False
    user: str = names.USER_APP
    database: str | None = None


@dataclass(frozen=True)
class Shell:
    """A member's client that can be started, and the option file that it is given."""

    client: Client
    pod: str
    option_file: bytes

    def terminal(self, term: str) -> attach.Running:
        """A client on a terminal of its own; it waits for `introduce`."""
        return self._start("terminal", term, (), tty=True)

    def batch(self, parts: Iterable[bytes], hear: Hear, *words: str) -> int:
        """Let the client read these bytes to their end; its exit status."""
        with self._start("pipe", "dumb", ("--batch", "--binary-mode", *words), tty=False) as running:
            threading.Thread(target=_feed, args=(running, self.option_file, parts), daemon=True).start()
            while (said := running.read()) is not None:
                hear(*said)
        return running.exit_code or 0

    def ask(self, parts: Iterable[bytes]) -> list[client_output.Result]:
        """The results of the statements in these bytes; raises MysqlError, and PodExecFailed for more than fits
        MOST_KEPT."""
        texts = {attach.STDOUT: bytearray(), attach.STDERR: bytearray()}

        def hear(channel: int, data: bytes) -> None:
            texts[channel].extend(data)
            if sum(map(len, texts.values())) > MOST_KEPT:
                text = f"{self.pod}: the results are larger than {MOST_KEPT >> 20} MiB; statements may have run"
                raise errors.PodExecFailed(text, hint="ask for fewer rows by LIMIT, or let a pipe print them as text")

        code = self.batch(parts, hear, "--xml")
        check(code, texts[attach.STDERR].decode(errors="replace"))
        return client_output.results(texts[attach.STDOUT].decode(errors="replace"))

    def _start(self, how: str, term: str, words: Sequence[str], *, tty: bool) -> attach.Running:
        command = ["sh", "-c", manifests.read_text("sql/client.sh"), "sh", how, term, *words]
        return self.client.attached(self.pod, names.CONTAINER_MYSQLD, command, tty=tty)


def _feed(running: attach.Attached, option_file: bytes, parts: Iterable[bytes]) -> None:
    """On a thread of its own, because the client may stop reading before it has everything."""
    try:
        for part in (option_file, *parts):
            if part:
                running.write(b"%d\n%b" % (len(part), part))
        running.write(b"0\n")
    except Exception:  # noqa: S110 (the reader of the same connection raises it)
        pass


def introduce(running: attach.Attached, option_file: bytes) -> bytes:
    """Hand over the password once the terminal echoes nothing; what was printed after that. Raises PodExecFailed."""
    said = b""
    while READY not in said:
        found = running.read()
        said += found[1] if found else b""
        if found is None or len(said) > _MOST_CHATTER:
            raise errors.PodExecFailed(
                f"the mysql client did not start: {said.decode(errors='replace')[-300:].strip()}"
            )
    running.write(base64.b64encode(option_file) + b"\n")
    return said.partition(READY)[2].lstrip(b"\r\n")


def check(code: int, stderr: str) -> None:
    """Raises the error that the client ended with."""
    if code:
        raise client_output.failure(code, stderr)


def prepare(session: Session, name: str, request: Request) -> Shell:
    """Raises Refused if no member fits, ConfigError for an account that is not ours, and Forbidden if this login may
    not read its password."""
    account = _ACCOUNTS.get(request.user)
    if account is None:
        text = f"--user {request.user}: expected one of {', '.join(USERS)}"
        raise errors.ConfigError(text, hint="for another account: kubectl exec -it, or a client with its own password")
    pod = serving.choose(observe.judged(session, name), request.member, replica=request.replica)
    password = _password(session.client, name, account)
    database = request.database
    if database is None:
        database = names.DATABASE_APP if account == accounts.APP else ""
    return Shell(session.client, pod, option_file(account.user, password, database))


def option_file(user: str, password: str, database: str) -> bytes:
    values = {
        "user": user,
        "password": password,
        "socket": connect.SOCKET,
        "ssl-mode": "REQUIRED",  # what accounts that require TLS need, on the socket too
        "default-character-set": "utf8mb4",
        "connect-timeout": "10",
    }
    lines = ["[client]", *(my_cnf.written(key, value) for key, value in values.items())]
    if database:
        lines += ["[mysql]", my_cnf.written("database", database)]
    return ("\n".join(lines) + "\n").encode()


def _password(client: Client, name: str, account: accounts.Account) -> str:
    where = secret_map.place(name, account.key)
    found = client.find("Secret", where.secret)
    text = secret_map.text(found, where.key)
    if not text:  # a cluster of an older release
        text = vault.read(client, name, account.key)
    if not text:
        raise errors.NotFound(
            f"Secret {where.secret} has no password of {account.user}", hint=f"mysqlops doctor {name}"
        )
    return text

"""The programs that a pod's containers run: the init containers, the agent, and `wait` for applications."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mysqlops import errors
from mysqlops.agent import (
    api,
    certificates,
    cluster_api,
    credentials,
    door,
    events,
    exporter,
    group_lease,
    health,
    loop,
    member,
    metrics,
    pod,
    secrets_watch,
    settings,
    vault,
)
from mysqlops.clock import SystemClock
from mysqlops.core import adoption, names, ordered, timeline, typed
from mysqlops.mysql import connect, wait

if TYPE_CHECKING:
    import argparse

_CLOCK = SystemClock()


def _wait_for_dns(me: settings.Settings) -> None:
    """Wait until this pod's own DNS name resolves to it: the other members connect to that name.

    For a few seconds it may still resolve to the previous pod; joining then fails for half a minute.
    """
    own, printed = pod.addresses(socket.gethostname()), ""
    while True:  # without a deadline: nothing in this pod can continue before that, and the log says why
        try:
            found = pod.addresses(me.host(me.ordinal))
            if found & own:
                print(f"wait-for-database: {me.host(me.ordinal)} is {', '.join(sorted(found))}", flush=True)
                return
            trouble = f"is still {', '.join(sorted(found))}, this pod is {', '.join(sorted(own))}"
        except OSError as error:
            trouble = str(error)
        if trouble != printed:
            printed = trouble
            print(f"wait-for-database: {me.host(me.ordinal)} {trouble}", flush=True)
        _CLOCK.sleep(0.2)


def make_ready() -> None:
    """Before the server starts: read the Secrets, wait for the pod's name, which most often leads here by then, and, in
    a member that is added to a group, for another one's port. Each container of its own would cost every start, and
    an outage, a second or two: kubelet sees an end within a second, and takes half of one for the next start."""
    me = settings.read()
    client = api.Api(me.namespace, settings.SERVICE_ACCOUNT)
    notes = _await_filling(client, me)
    why_not_new = _why_not_new(notes)
    own = pod.Pod(me)
    has_exporter = own.has_exporter()
    values = credentials.ensure(client, me.cluster, _CLOCK, why_not=why_not_new, has_exporter=has_exporter)
    credentials.write(settings.CREDENTIALS, credentials.of_agent(values, has_exporter=has_exporter))
    exporter.Exporter(own).write()
    credentials.write_statements(settings.STATEMENTS, values)
    if timeline.is_going_back(notes, me.pod):
        credentials.ask_for_reset(settings.STATEMENTS)
    certificates.Certificates(client, me).ensure(_CLOCK, is_new=not why_not_new)
    with contextlib.suppress(errors.Conflict):  # another member does the same
        vault.Vault(client, me.cluster).complete_application(certificates.ca())
    print(f"wait-for-database: the Secrets of {me.cluster} are read", flush=True)
    _wait_for_dns(me)
    _wait_for_port(me, notes)


def _why_not_new(notes: Mapping[str, str]) -> str:
    """Why the cluster has passwords already. Data that a restore has just put onto the volume accepts new ones."""
    if notes.get(names.ANNOTATION_BOOTSTRAPPED):
        return f"the cluster was formed before ({notes[names.ANNOTATION_BOOTSTRAPPED]})"
    return "this member's volume holds data" if _has_data() and not (settings.VOLUME / "restored").exists() else ""


def _has_data() -> bool:
    return (settings.VOLUME / "data").exists()


def _await_filling(client: api.Api, me: settings.Settings) -> dict[str, str]:
    """Wait while a Job puts a backup onto this member's volume; then return the annotations of the group's Lease."""
    printed = ""
    while True:  # without a deadline: a server must never start on a half-filled volume
        notes: dict[str, str] = group_lease.read(client, me.cluster)["metadata"].get("annotations") or {}
        backup = ordered.filling(notes).get(me.pod, "")
        if not backup:
            return notes
        if backup != printed:
            until = typed.visible(backup)
            print(
                f"wait-for-database: waiting until {until} is on the volume: mysqlops restore --member {me.pod}",
                flush=True,
            )
        printed = backup
        _CLOCK.sleep(1.0)


def _wait_for_port(me: settings.Settings, notes: Mapping[str, str]) -> None:
    """A new member of ordinal > 0 waits for a peer's port, unless the cluster itself is new: then all servers start at
    once. A member with data never waits, or a full outage would deadlock."""
    if me.ordinal == 0 or _has_data() or not notes.get(names.ANNOTATION_BOOTSTRAPPED):
        return
    peers = [wait.Target(me.host(ordinal)) for ordinal in range(me.ordinal)]
    found = wait.wait_for(peers, None, clock=_CLOCK, timeout_seconds=7 * 86400, tell=_say)
    print(f"wait-for-database: {found} answers", flush=True)


def run_agent() -> None:
    me = settings.read()
    around = cluster_api.ClusterApi(api.Api(me.namespace, settings.SERVICE_ACCOUNT), me, _CLOCK)
    own = pod.Pod(me)
    reporting = api.Api(me.namespace, settings.SERVICE_ACCOUNT)  # of their own: the publisher never waits for them
    scraped = metrics.Metrics(own, around, reporting, _CLOCK)
    posted = events.Events(me, around, reporting, _CLOCK)
    probes = health.Health(_CLOCK, scraped, posted)
    server = member.Member(own)
    secrets = secrets_watch.SecretsWatch(api.Api(me.namespace, settings.SERVICE_ACCOUNT), own, server)
    turning = loop.Loop(own, server, around, secrets, probes, clock=_CLOCK)
    signal.signal(signal.SIGTERM, lambda *_: turning.stop())
    scraped.start()
    posted.start()
    entrance = door.Door(probes.answer, names.PORT_AGENT, _CLOCK)
    turning.run()
    entrance.close()


def wait_for_application(options: argparse.Namespace) -> None:
    targets = [wait.Target.parse(host) for host in options.hosts]
    login = None
    if options.user:
        login = connect.read_login(options.user, options.password_file, options.ca_file, options.ssl_mode)
    found = wait.wait_for(targets, login, clock=_CLOCK, timeout_seconds=options.timeout, tell=_say)
    print(f"{found} is ready", flush=True)


def _say(message: str) -> None:
    print(message, flush=True)


WITHOUT_OPTIONS = {
    "wait-for-database": make_ready,
    "run": run_agent,
}


def add_to(commands: Any) -> None:
    """Add a parser for each program."""
    for name, action in WITHOUT_OPTIONS.items():
        commands.add_parser(name).set_defaults(action=lambda _, action=action: action())
    waiting = commands.add_parser("wait")
    waiting.add_argument("hosts", nargs="+", metavar="HOST[:PORT]")
    waiting.add_argument("--timeout", type=float, default=600, help="seconds")
    waiting.add_argument("--user", help="also wait until this account finds the server writable")
    waiting.add_argument("--password-file", default="/dev/null")
    waiting.add_argument("--ca-file", default="", help="verify the server's name by this CA")
    waiting.add_argument("--ssl-mode", default="", choices=adoption.SSL_MODES)
    waiting.set_defaults(action=wait_for_application)

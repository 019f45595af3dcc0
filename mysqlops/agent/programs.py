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
                print(f"credentials: {me.host(me.ordinal)} is {', '.join(sorted(found))}", flush=True)
                return
            trouble = f"is still {', '.join(sorted(found))}, this pod is {', '.join(sorted(own))}"
        except OSError as error:
            trouble = str(error)
        if trouble != printed:
            printed = trouble
            print(f"credentials: {me.host(me.ordinal)} {trouble}", flush=True)
        _CLOCK.sleep(0.2)


def make_credentials() -> None:
    """Read the Secrets, then wait for the pod's name, which most often leads here by then: as a container of its own
    that cost each start a second or two."""
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
    credentials.note_new_cluster(settings.STATEMENTS, is_new=not why_not_new)
    if timeline.is_going_back(notes):
        credentials.ask_for_reset(settings.STATEMENTS)
    certificates.Certificates(client, me).ensure(_CLOCK, is_new=not why_not_new)
    with contextlib.suppress(errors.Conflict):  # another member does the same
        vault.Vault(client, me.cluster).complete_application(certificates.ca())
    print(f"credentials: read from the Secrets of {me.cluster}", flush=True)
    _wait_for_dns(me)


def _why_not_new(notes: Mapping[str, str]) -> str:
    """Why the cluster has passwords already. Data that a restore has just put onto the volume accepts new ones."""
    if notes.get(names.ANNOTATION_BOOTSTRAPPED):
        return f"the cluster was formed before ({notes[names.ANNOTATION_BOOTSTRAPPED]})"
    has_data = (settings.VOLUME / "data").exists() and not (settings.VOLUME / "restored").exists()
    return "this member's volume holds data" if has_data else ""


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
                f"credentials: waiting until {until} is on the volume: mysqlops restore --member {me.pod}", flush=True
            )
        printed = backup
        _CLOCK.sleep(1.0)


def wait_for_database() -> None:
    """A new member of ordinal > 0 waits for a peer's port, unless the cluster itself is new: then all servers start at
    once. A member with data never waits, or a full outage would deadlock."""
    me = settings.read()
    if me.ordinal == 0:
        print("wait-for-database: member 0 does not wait", flush=True)
        return
    if not (settings.RUN / "initialised").exists():
        print("wait-for-database: this member has data, or the cluster is new: not waiting", flush=True)
        return
    peers = [wait.Target(me.host(ordinal)) for ordinal in range(names.MAX_MEMBERS) if ordinal != me.ordinal]
    found = wait.wait_for(peers[: me.ordinal], None, clock=_CLOCK, timeout_seconds=7 * 86400, tell=_say)
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
    "credentials": make_credentials,
    "wait-for-database": wait_for_database,
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

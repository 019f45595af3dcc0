"""Programs that the CLI runs beside a member's agent by `kubectl exec`; each prints its answer as JSON on stdout. Those
that only ask are in questions.py."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from mysqlops import errors
from mysqlops.agent import (
    adoption_account,
    api,
    certificates,
    cluster_api,
    credentials,
    handover,
    live_settings,
    member,
    pod,
    presented,
    rotation,
    settings,
    vault,
)
from mysqlops.agent.jobs import adoption, backup, binlog, local, peers, replay, sealing
from mysqlops.clock import SystemClock
from mysqlops.core import names, view
from mysqlops.mysql import accounts, activity, probe, variables, write_gap

_CLOCK = SystemClock()
_METER_SECONDS = 10.0


def add_to(commands: Any) -> None:
    """Add a parser for each program."""
    command = commands.add_parser("probe")
    command.add_argument("hosts", nargs="+")
    command.add_argument("--timeout", type=float, default=30)
    command.set_defaults(action=prove)
    command = commands.add_parser("transactions")
    command.set_defaults(action=transactions)
    command = commands.add_parser("adopt-admit")
    command.add_argument("seconds", type=int)
    command.set_defaults(action=adopt_open)
    commands.add_parser("adopt-close").set_defaults(action=adopt_close)
    for name, program in _ADOPTION.items():
        commands.add_parser(name).set_defaults(action=lambda _, program=program: adoption.run(program))
    for name, step in backup.PROGRAMS.items():
        commands.add_parser(name).set_defaults(action=lambda _, step=step: local.explained(step, backup.Job()))
    commands.add_parser("backup-seal").set_defaults(action=lambda _: sealing.seal(peers.key()))
    for name, part in replay.PROGRAMS.items():
        commands.add_parser(name).set_defaults(action=lambda _, part=part: local.explained(part, replay.Replay()))
    commands.add_parser("binlog-ship").set_defaults(action=lambda _: binlog.Ship().run())
    commands.add_parser("backup-open").set_defaults(action=backup_open)
    commands.add_parser("exporter-close").set_defaults(action=exporter_close)
    command = commands.add_parser("setting-kinds")
    command.add_argument("names", nargs="+")
    command.set_defaults(action=setting_kinds)
    command = commands.add_parser("set-settings")
    command.add_argument("values", type=json.loads, help="JSON: variable -> value, null for the server's default")
    command.add_argument("run", nargs="?", default="", help="of the command that sets them, as the Lease notes it")
    command.set_defaults(action=set_settings)
    command = commands.add_parser("kill")
    command.add_argument("session", type=int)
    command.add_argument("--of", required=True, metavar="MARK", help="the mark of the session's account")
    command.set_defaults(action=kill)
    commands.add_parser("plugins").set_defaults(action=plugins)
    command = commands.add_parser("rotate-tls")
    command.add_argument("stage", choices=["look", "certificate", "ca", "drop"])
    command.add_argument("of", nargs="?", default="", help="the fingerprint of what the Secret must still hold")
    command.set_defaults(action=rotate_tls)
    command = commands.add_parser("tls-presented")
    command.add_argument("hosts", nargs="+")
    command.set_defaults(action=tls_presented)
    command = commands.add_parser("rotate-users")
    command.add_argument("stage", choices=list(rotation.STEPS))
    command.add_argument("since", nargs="?", default="", help="the rotation that is meant, as the Lease notes it")
    command.set_defaults(action=rotate_users)
    _add_switchover(commands)


def _add_switchover(commands: Any) -> None:
    command = commands.add_parser("switchover")
    command.add_argument("--to", required=True, metavar="POD")
    command.add_argument("--transactions-seconds", type=int, required=True)
    command.add_argument("--meter", metavar="TOKEN", help="start once this meter writes")
    command.set_defaults(action=switchover)
    command = commands.add_parser("write-gap")
    command.add_argument("--until", required=True, metavar="POD")
    command.add_argument("--token", required=True)
    command.add_argument("--timeout", type=float, required=True)
    command.set_defaults(action=measure_write_gap)


def adopt_open(options: argparse.Namespace) -> None:
    """Create the account that `adopt` copies with."""
    me = settings.read()
    client = api.Api(me.namespace, settings.SERVICE_ACCOUNT)
    adoption_account.open_account(client, me, member.Member(pod.Pod(me)), options.seconds)
    print("{}")


def adopt_close(_: argparse.Namespace) -> None:
    """Drop that account."""
    me = settings.read()
    adoption_account.close_account(api.Api(me.namespace, settings.SERVICE_ACCOUNT), me, member.Member(pod.Pod(me)))
    print("{}")


def backup_open(_: argparse.Namespace) -> None:
    """Create the account that backups copy with, unless it exists."""
    me = settings.read()
    backup.open_account(api.Api(me.namespace, settings.SERVICE_ACCOUNT), me, member.Member(pod.Pod(me)))
    print("{}")


def exporter_close(_: argparse.Namespace) -> None:
    """Forget the exporter's password and drop its account, on the primary; an agent that still knows it would restore
    it."""
    me = settings.read()
    own = pod.Pod(me)
    _check_primary(me, member.Member(own).observe())
    safe = vault.Vault(api.Api(me.namespace, settings.SERVICE_ACCOUNT), me.cluster)
    for key in accounts.keys_of(accounts.EXPORTER):
        safe.forget(key)
    with own.server() as server:
        server.query(f"DROP USER IF EXISTS {accounts.EXPORTER}")
    print("{}")


# These three run in the Job, not in a member's pod.
_ADOPTION: dict[str, Callable[[adoption.Adoption], None]] = {
    "adopt-prepare": adoption.Adoption.prepare,
    "adopt-conclude": adoption.Adoption.conclude,
    "adopt-give-back": adoption.Adoption.give_back,
    "adopt-confirm": adoption.Adoption.confirm,
}


def prove(options: argparse.Namespace) -> None:
    """Print the seconds until a write through the primary Service was seen on each member."""
    me = settings.read()
    seen = probe.write_and_read(
        _service(me), options.hosts, _probe_login(), clock=_CLOCK, timeout_seconds=options.timeout
    )
    print(json.dumps(seen))


def transactions(_: argparse.Namespace) -> None:
    """Print the clients' open transactions."""
    found = member.Member(pod.Pod(settings.read())).transactions()
    print(json.dumps([asdict(transaction) for transaction in found]))


def setting_kinds(options: argparse.Namespace) -> None:
    """Print which variables can be set live."""
    with member.Member(pod.Pod(settings.read())).connect() as server:
        print(json.dumps({name: variables.kind(server, name) for name in options.names}))


def set_settings(options: argparse.Namespace) -> None:
    """Set variables live; print those that the server refuses, with its reason, in which case none is changed."""
    me = settings.read()
    client = api.Api(me.namespace, settings.SERVICE_ACCOUNT)
    with member.Member(pod.Pod(me)).connect() as server:
        print(json.dumps(live_settings.put(client, me.cluster, server, options.values, options.run)))


def kill(options: argparse.Namespace) -> None:
    """End a client's session; print whether it was still there."""
    with member.Member(pod.Pod(settings.read())).connect() as server:
        print(json.dumps(activity.kill(server, options.session, options.of)))


def plugins(_: argparse.Namespace) -> None:
    """Print which accounts use which authentication plugin."""
    with member.Member(pod.Pod(settings.read())).connect() as server:
        print(json.dumps(accounts.by_plugin(server)))


def rotate_tls(options: argparse.Namespace) -> None:
    """Put a new certificate or CA into the Secret, which every member then loads; or only look at what it holds."""
    me = settings.read()
    made = certificates.Certificates(api.Api(me.namespace, settings.SERVICE_ACCOUNT), me)
    again = made.changes_trust() if options.stage == "look" else made.rotate(options.stage, options.of)
    print(json.dumps({"fingerprint": made.fingerprint(), "hostnames": made.hostnames(), "again": again}))


def tls_presented(options: argparse.Namespace) -> None:
    """Print what members present to a client that trusts only the newest CA."""
    me = settings.read()
    print(
        json.dumps(presented.look(api.Api(me.namespace, settings.SERVICE_ACCOUNT), me, options.hosts, _probe_login()))
    )


def rotate_users(options: argparse.Namespace) -> None:
    """Run one step of a password rotation on the primary, and print its result."""
    me = settings.read()
    own = pod.Pod(me)
    _check_primary(me, member.Member(own).observe())
    made = rotation.Rotation(api.Api(me.namespace, settings.SERVICE_ACCOUNT), own, options.since)
    print(json.dumps(made.step(options.stage, _CLOCK)))


def _check_primary(me: settings.Settings, seen: view.ServerView | None) -> view.ServerView:
    if seen is None or seen.role() != names.ROLE_PRIMARY:
        raise errors.Refused([errors.Reason("not-primary", f"{me.pod} is not the primary", "run the command again")])
    return seen


def switchover(options: argparse.Namespace) -> None:
    """Switch the primary to another member; raises Refused if this one is no longer the primary."""
    me = settings.read()
    own = pod.Pod(me)
    server = member.Member(own)
    seen = _check_primary(me, server.observe())
    to = next((successor for successor in seen.successors() if successor.pod == options.to), None)
    if to is None:
        text = f"{options.to} is not {view.ONLINE} in the group of {me.pod}"
        raise errors.Refused([errors.Reason("no-successor", text, f"mysqlops status {me.cluster}")])
    deadline = _CLOCK.monotonic() + _METER_SECONDS
    while options.meter and not server.is_measured(options.meter) and _CLOCK.monotonic() < deadline:
        _CLOCK.sleep(0.05)
    around = cluster_api.ClusterApi(api.Api(me.namespace, settings.SERVICE_ACCOUNT), me, _CLOCK)
    # Connects now: once the roles have changed, clients wait for the labels.
    with contextlib.suppress(errors.KubeError):
        around.record()
    done = handover.run(own, server, around, to, _CLOCK, transactions_seconds=options.transactions_seconds)
    print(json.dumps(asdict(done)))


def measure_write_gap(options: argparse.Namespace) -> None:
    """Write through the primary Service until a member that is to become primary acknowledges; print the gap."""
    me = settings.read()
    gap = write_gap.Meter(_service(me), _probe_login(), options.token, _CLOCK).run(options.until, options.timeout)
    print(json.dumps(asdict(gap)))


def _service(me: settings.Settings) -> str:
    return f"{names.primary_service(me.cluster)}.{me.namespace}.svc"


def _probe_login() -> Any:
    return credentials.read_login(settings.CREDENTIALS, names.USER_PROBE, names.KEY_PROBE_PASSWORD)

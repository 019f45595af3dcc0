"""Programs that only ask this member's server, for `doctor`, `top` and the like; each prints its answer as JSON.

Many may run beside an agent at once, so this module imports little. Such a program never changes anything: it may end
at any moment (slots.py).
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from mysqlops.agent import pod, reach, settings
from mysqlops.mysql import activity, connect, examination, variables

MY_CNF_PART, REACH_PART, GROWTH_PART = "my-cnf", "reach", "growth"  # the parts of an examination that are no query
_OTHERS = (MY_CNF_PART, REACH_PART, GROWTH_PART)


def add_to(commands: Any) -> None:
    """Add a parser for each program."""
    command = commands.add_parser("get-settings")
    command.add_argument("names", nargs="+")
    command.set_defaults(action=get_settings)
    command = commands.add_parser("examine")
    command.add_argument("parts", nargs="+", choices=[*examination.PARTS, *_OTHERS])
    command.add_argument("--replicas", type=int, default=0)
    command.set_defaults(action=examine)
    for name, question in (("top", top), ("accounts", list_accounts), ("gtids", gtids), ("slow", slow)):
        commands.add_parser(name).set_defaults(action=question)


def _server() -> connect.Server:
    return pod.Pod(settings.read()).server()


def gtids(_: argparse.Namespace) -> None:
    """Print the transactions that this member has, and those that it no longer has binary logs for."""
    with _server() as server:
        executed, purged = server.query("SELECT @@global.gtid_executed, @@global.gtid_purged")[0]
    print(json.dumps({"executed": executed, "purged": purged}))


def get_settings(options: argparse.Namespace) -> None:
    """Print the variables' values in force."""
    with _server() as server:
        print(json.dumps(variables.get(server, options.names)))


def examine(options: argparse.Namespace) -> None:
    """Print what `doctor` asks of one member."""
    asked, own = [part for part in options.parts if part not in _OTHERS], pod.Pod(settings.read())
    with own.server() as server:
        found = examination.examine(server, asked)
    if MY_CNF_PART in options.parts:
        found[MY_CNF_PART] = settings.MY_CNF.read_text()
    if REACH_PART in options.parts:
        found[REACH_PART] = reach.look(own, range(options.replicas))
    if GROWTH_PART in options.parts:
        found[GROWTH_PART] = own.growth()
    print(json.dumps(found, default=str))


def top(_: argparse.Namespace) -> None:
    """Print what clients do on this member."""
    with _server() as server:
        print(json.dumps(activity.look(server)))


def slow(_: argparse.Namespace) -> None:
    """Print which kinds of statements took longer than long_query_time."""
    with _server() as server:
        print(json.dumps(activity.slow(server)))


def list_accounts(_: argparse.Namespace) -> None:
    """Print the server's accounts, without their passwords' hashes."""
    with _server() as server:
        print(json.dumps(activity.accounts(server)))

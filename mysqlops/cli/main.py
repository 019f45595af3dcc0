"""The root command: finds a verb by its file, and turns errors into text and an exit status. Nothing else does."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from mysqlops import errors
from mysqlops.version import __version__

# verb -> module; imported only when used, so that `--help` is quick
_COMMANDS = {
    "deploy": "mysqlops.cli.cluster.deploy",
    "status": "mysqlops.cli.cluster.status",
    "switchover": "mysqlops.cli.cluster.switchover",
    "adopt": "mysqlops.cli.cluster.adopt",
    "scale": "mysqlops.cli.cluster.scale",
    "upgrade": "mysqlops.cli.cluster.upgrade",
    "config": "mysqlops.cli.config",
    "storage": "mysqlops.cli.storage",
    "backup": "mysqlops.cli.backup",
    "restore": "mysqlops.cli.restore",
    "drill": "mysqlops.cli.drill",
    "member": "mysqlops.cli.member",
    "users": "mysqlops.cli.users",
    "tls": "mysqlops.cli.tls",
    "restart": "mysqlops.cli.cluster.restart",
    "stop": "mysqlops.cli.cluster.stop",
    "start": "mysqlops.cli.cluster.start",
    "recover": "mysqlops.cli.cluster.recover",
    "render": "mysqlops.cli.cluster.render",
    "delete": "mysqlops.cli.cluster.delete",
    "wait": "mysqlops.cli.wait",
    "explain": "mysqlops.cli.explain",
    "runbook": "mysqlops.cli.runbook",
    "version": "mysqlops.cli.version",
}


class LazyGroup(click.Group):
    """Imports a command's module when it is looked up; the list shows short texts without importing any."""

    texts = {  # noqa: RUF012 (click's classes are not dataclasses)
        "deploy": "Create a cluster, or finish creating it.",
        "status": "Show members, services, and what is wrong.",
        "switchover": "Make another member the primary.",
        "adopt": "Take another server's databases over.",
        "scale": "Add or remove members, one at a time.",
        "upgrade": "Change image, agent, memory or cpu, one member at a time.",
        "config": "See and change the servers' settings.",
        "storage": "Make the volumes larger.",
        "backup": "Make, list, verify, schedule and remove backups.",
        "restore": "Make a new cluster of a backup.",
        "drill": "Prove what a fault costs, with clients that keep a ledger.",
        "member": "Fence, unfence or rebuild one member.",
        "users": "Rotate passwords.",
        "tls": "Rotate the certificate.",
        "restart": "Restart the members one at a time.",
        "stop": "Stop all members cleanly; data stays.",
        "start": "Start a stopped cluster.",
        "recover": "After a full outage, go on without a member that is lost.",
        "render": "Print the objects that deploy applies, as YAML.",
        "delete": "Delete a cluster; keeps its data unless told otherwise.",
        "wait": "Wait until a database answers.",
        "explain": "Explain a code or an exit status, or print a page of the documentation.",
        "runbook": "Print or run the script for a situation.",
        "version": "Show the versions of the CLI and its agent.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.texts.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="mysqlops %(version)s")
def root() -> None:
    """MySQL on Kubernetes for whoever owns one namespace: no operator, no CRD, no cluster-admin."""


def run(arguments: Sequence[str] | None = None, program: str = "mysqlops") -> int:
    """Run one command and return its exit status; docs/reference/errors.md lists them."""
    try:
        result = root.main(args=arguments, prog_name=program, standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _interrupted()
    except click.ClickException as error:
        error.show()
        return errors.ConfigError.exit_code
    except errors.MysqlopsError as error:
        _show(error)
        return error.exit_code
    except BrokenPipeError:
        # `mysqlops status | head`: the reader has gone, and Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("MYSQLOPS_DEBUG"):
            raise
        text = f"unexpected {type(error).__name__}: {error}"
        _show(errors.MysqlopsError(text, hint="MYSQLOPS_DEBUG=1 shows where; please report it"))
        return 1
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    from mysqlops.cli import output

    output.say("interrupted; run the same command again to go on", err=True)
    return errors.EXIT_INTERRUPTED


def _show(error: errors.MysqlopsError) -> None:
    from mysqlops.cli import output  # not before it is needed: --help is quick

    if isinstance(error, errors.Refused):
        output.say("refused; nothing was changed:", err=True)
        for reason in error.reasons:
            output.say(f"  {reason.code}: {reason.message}", err=True)
            if reason.hint:
                output.say(f"    next: {reason.hint}", err=True)
        return
    output.say(f"error ({error.code}): {error}", err=True)
    if error.hint:
        output.say(f"  next: {error.hint}", err=True)

"""The root command, and the only place that turns errors into text and an exit status."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence

import click

from mysqlops import errors
from mysqlops.cli import context
from mysqlops.cli.tree import Tree
from mysqlops.version import __version__

COMMANDS = {
    "deploy": "Create a cluster, or finish creating it.",
    "apply": "Bring clusters to what a file says.",
    "diff": "Show where clusters are not what a file says.",
    "export": "Print the file of a cluster.",
    "list": "List the clusters of a namespace, or of all.",
    "status": "Show members, Services and problems.",
    "doctor": "Check a cluster: what is wrong, why, and what fixes it.",
    "logs": "Show the logs of servers and agents, merged and explained.",
    "report": "Write a zip file about a cluster for a colleague, without secrets.",
    "sql": "Open a MySQL shell as the application's account.",
    "top": "Show transactions, lock waits and sessions; end one.",
    "switchover": "Make another member the primary.",
    "adopt": "Take over the databases of another server.",
    "scale": "Add or remove members, one at a time.",
    "upgrade": "Change image, agent, memory or CPU, one member at a time.",
    "config": "Show and change the servers' settings.",
    "storage": "Enlarge the volumes.",
    "backup": "Create, list, verify, schedule and delete backups.",
    "restore": "Create a cluster from a backup, or replace a cluster's data.",
    "drill": "Measure what a fault costs, with clients that keep a ledger.",
    "member": "Fence, unfence or rebuild one member.",
    "users": "List accounts, rotate passwords.",
    "expose": "Open a Service to clients from outside.",
    "unexpose": "Close such a Service.",
    "tls": "Rotate the certificate and the CA.",
    "restart": "Restart the members one at a time.",
    "stop": "Stop all members cleanly; the data is kept.",
    "start": "Start a stopped cluster.",
    "recover": "After a full outage, form the group without a lost member.",
    "render": "Print the objects that deploy applies, as YAML.",
    "delete": "Delete a cluster, and its data only on request.",
    "wait": "Wait until a database accepts connections.",
    "explain": "Explain an error code or exit status, or print a documentation page.",
    "runbook": "Print or run the script for a situation.",
    "completion": "Print the completion script for a shell.",
    "version": "Show the versions of the CLI and its agent.",
}
_BROKEN_PIPE = 141  # a shell's exit status for a process that SIGPIPE ended


@click.group(
    cls=Tree,
    package="mysqlops.cli",
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="mysqlops %(version)s")
def root() -> None:
    """Run MySQL on Kubernetes with rights in a single namespace: no operator, no CRDs, no cluster-admin.

    The options below are also accepted after the verb. MYSQLOPS_DEBUG=1 shows where an unexpected error comes from.
    """


def run(arguments: Sequence[str] | None = None, program: str = "mysqlops") -> int:
    """Run one command and return its exit status; docs/reference/errors.md lists them."""
    context.answered.clear()
    stdout = sys.stdout
    form = form_of(sys.argv[1:] if arguments is None else arguments)
    try:
        result = root.main(args=arguments, prog_name=program, standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return _interrupted(form)
    except SystemExit:
        if sys.stdout is stdout:
            raise
        sys.stdout = stdout  # click replaced it, because the reader of the pipe has gone
        return _reader_has_gone()
    except Exception as error:
        return _failed(error, form)
    return result if isinstance(result, int) else 0


def _failed(error: Exception, form: str) -> int:
    """Show the error and return its exit status."""
    if isinstance(error, click.ClickException):
        error = _about_waiting(error)
        _show_usage(error)
        show_as_data(errors.ConfigError(error.format_message()), form)
        return errors.ConfigError.exit_code
    if isinstance(error, BrokenPipeError):
        return _reader_has_gone()
    if not isinstance(error, errors.MysqlopsError):
        if os.environ.get("MYSQLOPS_DEBUG"):
            raise error
        text = f"unexpected {type(error).__name__}: {error}"
        error = errors.MysqlopsError(text, hint="MYSQLOPS_DEBUG=1 shows where; please report it")
    show(error, form)
    return error.exit_code


def _about_waiting(error: click.ClickException) -> click.ClickException:
    """--wait and --no-wait are on verbs whose work others can finish; who gives one to another verb learns why."""
    if not isinstance(error, click.NoSuchOption) or error.option_name not in ("--wait", "--no-wait"):
        return error
    if error.ctx is None or "dry_run" not in {found.name for found in error.ctx.command.params}:
        return error
    text = f"No such option {error.option_name!r}: this command always waits until its work is done."
    return click.UsageError(f"{text} `mysqlops explain automation` says why.", error.ctx)


def _show_usage(error: click.ClickException) -> None:
    """As click does, but words of the command line are text like any other: a name may have been pasted."""
    from mysqlops.cli import output

    written = io.StringIO()
    error.show(file=written)
    output.document(written.getvalue(), err=True, nl=False)


def _reader_has_gone() -> int:
    """`mysqlops status | head`: without this, Python prints another error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE


def _interrupted(form: str) -> int:
    from mysqlops.cli import output

    text = "interrupted; run the same command again to continue"
    output.say(text, err=True)
    status = errors.EXIT_INTERRUPTED
    _answer({"code": "interrupted", "exit": status, "message": text, "hint": None, "reasons": []}, form)
    return status


def form_of(arguments: Sequence[str]) -> str:
    """The output form that was asked for, even if the rest of the line cannot be parsed."""
    text = "\0".join(arguments)
    found = re.findall(r"(?:^|\0)(?:-o|--output)[\0=]?(json|yaml)(?=\0|$)", text)
    return str(found[-1]) if found else "table"


def show(error: errors.MysqlopsError, form: str = "table") -> None:
    """Print the error: always as text on stderr, and on stdout as data if a machine asked."""
    from mysqlops.cli import output  # imported late, so that --help is quick

    show_as_data(error, form)
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


def show_as_data(error: errors.MysqlopsError, form: str) -> None:
    from dataclasses import asdict

    reasons = [asdict(reason) for reason in error.reasons] if isinstance(error, errors.Refused) else []
    facts = {"code": error.code, "exit": error.exit_code, "message": str(error), "hint": error.hint, "reasons": reasons}
    _answer(facts, form)


def _answer(facts: dict[str, object], form: str) -> None:
    """A command prints one document: nothing follows an answer that was already printed."""
    from mysqlops.cli import output

    if form != "table" and not context.answered:
        output.data(facts, form, kind="Error")

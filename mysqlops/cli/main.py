"""The root command, and the only place that turns errors into text and an exit status."""

from __future__ import annotations

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
    "delete": "Delete a cluster; its data only on request.",
    "wait": "Wait until a database answers.",
    "explain": "Explain a code or an exit status, or print a page of the documentation.",
    "runbook": "Print or run the script for a situation.",
    "completion": "Print what makes a shell complete commands and names.",
    "version": "Show the versions of the CLI and its agent.",
}
_BROKEN_PIPE = 141  # as a shell says of who was ended by SIGPIPE


@click.group(
    cls=Tree,
    package="mysqlops.cli",
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="mysqlops %(version)s")
def root() -> None:
    """Run MySQL on Kubernetes with rights in a single namespace: no operator, no CRDs, no cluster-admin.

    The options below may also stand after the verb. MYSQLOPS_DEBUG=1 shows where an unexpected error comes from.
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
        sys.stdout = stdout  # click has put another one there: the reader of a pipe has gone
        return _reader_has_gone()
    except Exception as error:
        return _failed(error, form)
    return result if isinstance(result, int) else 0


def _failed(error: Exception, form: str) -> int:
    """Its exit status, once it is shown."""
    if isinstance(error, click.ClickException):
        error.show()
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


def _reader_has_gone() -> int:
    """`mysqlops status | head`: Python would complain once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE


def _interrupted(form: str) -> int:
    from mysqlops.cli import output

    text = "interrupted; run the same command again to go on"
    output.say(text, err=True)
    status = errors.EXIT_INTERRUPTED
    _answer({"code": "interrupted", "exit": status, "message": text, "hint": None, "reasons": []}, form)
    return status


def form_of(arguments: Sequence[str]) -> str:
    """The form that is asked for, also by words that cannot be understood."""
    text = "\0".join(arguments)
    found = re.findall(r"(?:^|\0)(?:-o|--output)[\0=]?(json|yaml)(?=\0|$)", text)
    return str(found[-1]) if found else "table"


def show(error: errors.MysqlopsError, form: str = "table") -> None:
    """For people on stderr, whatever the form; for machines on stdout."""
    from mysqlops.cli import output  # not before it is needed: --help is quick

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
    """One document for one command: nothing is added to an answer that was printed."""
    from mysqlops.cli import output

    if form != "table" and not context.answered:
        output.data(facts, form, kind="Error")

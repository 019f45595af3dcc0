"""One run of a command: the API server and identity it uses, its timeout, and its output form."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mysqlops import errors
from mysqlops.core import names

if TYPE_CHECKING:
    from mysqlops.kube.client import Client
    from mysqlops.operations.session import Session

T = TypeVar("T")
answered: list[str] = []  # the documents that this run of the program has printed for machines


@dataclass(frozen=True)
class Access:
    """The API server, the namespace and the identity to act as. None and empty mean: as the kubeconfig has it."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    user: str = ""
    groups: tuple[str, ...] = ()

    def client(self, verb: str, *, timeout_seconds: float | None = None) -> Client:
        """A client of the chosen API server. MYSQLOPS_KUBECONFIG overrides KUBECONFIG. Raises ConfigError."""
        from mysqlops.kube.client import Caller, Client
        from mysqlops.kube.kubeconfig import Identity

        if self.groups and not self.user:
            raise errors.ConfigError("--as-group: only with --as USER")
        acting_as = Identity(self.user, self.groups) if self.user else None
        caller = Caller(verb, acting_as) if timeout_seconds is None else Caller(verb, acting_as, timeout_seconds)
        files = self.kubeconfig or os.environ.get("MYSQLOPS_KUBECONFIG") or None
        return Client(kubeconfig=files, context=self.context, namespace=self.namespace, caller=caller)


@dataclass(frozen=True)
class Confirmation:
    """What the user agreed to on the command line."""

    yes: bool = False
    name: str | None = None


@dataclass(frozen=True)
class Question:
    """What the user has to agree to, as in "deletes the data of mysql-1". Run.confirm says how."""

    what: str
    name: str = ""
    loses: bool = False


@dataclass(frozen=True)
class Run:
    """The first parameter of every command; `name` is the cluster's, empty if the command concerns no single one."""

    name: str
    verb: str
    form: str
    timeout_seconds: float
    access: Access
    confirmation: Confirmation

    @property
    def is_for_people(self) -> bool:
        return self.form in ("table", "wide")

    def of(self, name: str) -> Run:
        """The same run for a cluster that another option names."""
        return replace(self, name=names.check_cluster_name(name))

    def client(self) -> Client:
        return client(self.access, self.verb)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session without the lock."""
        from mysqlops.cli import output
        from mysqlops.clock import SystemClock
        from mysqlops.operations.session import Session

        found = self.client()
        with output.progress() as progress:
            found.warn = progress.warn
            yield Session(found, SystemClock(), progress, self.timeout_seconds)

    @contextmanager
    def changing(self, *, dry_run: bool = False) -> Iterator[Session]:
        """A session that holds the lock, so that no other command changes the cluster. A dry run takes no lock."""
        from mysqlops.operations import lock

        with self.reading() as session, nullcontext() if dry_run else lock.held(session, self.name, self.verb):
            yield session

    def rehearse(self, act: Callable[[Session], object], sentence: str) -> None:
        """`--dry-run` of a verb that has no plan to show: act until the first change, and stop before it.

        A program in a pod counts as a change, so what it would check stays unchecked."""
        from mysqlops.cli import output

        try:
            with self.reading() as session, session.guard.held_by(_Rehearsal()):
                act(session)
            text = "nothing would be changed"
        except _FirstChange:
            text = f"would {sentence}; nothing was changed"
        output.result({"would": text, "changed": False}, self.form, text)

    def do(
        self,
        act: Callable[[Session], T],
        sentence: str,
        *,
        dry_run: bool,
        question: Question | None = None,
        locks: bool = True,
    ) -> T:
        """What `act` returned, once the user agreed and under the cluster's lock. A dry run asks nothing, takes no
        lock, says what `act` would have done, and ends the command."""
        if dry_run:
            self.rehearse(act, sentence)
            raise click.exceptions.Exit(0)
        if question:
            self.confirm(question.what, name=question.name, loses=question.loses)
        with self.changing() if locks else self.reading() as session:
            return act(session)

    def confirm(self, what: str, *, name: str = "", loses: bool = False) -> None:
        """Return if the user agreed, else raise Refused. Where data is lost, --yes is not enough: the name is."""
        from mysqlops.cli import output

        wanted, given = name or self.name, self.confirmation.name
        if given == wanted or (self.confirmation.yes and not loses):
            return
        if given is None and sys.stdin.isatty() and output.ask(f"This {what}.", wanted if loses else ""):
            return
        unasked = f"this command needs a confirmation, since it {what}"
        text = unasked if given is None else f"--confirm {given}: expected {wanted}"
        agree = f"--confirm {wanted}" if loses else f"--yes (or --confirm {wanted})"
        raise errors.Refused(
            [errors.Reason("not-confirmed", text, f"give {agree}; --dry-run shows what would be done")]
        )


class _FirstChange(BaseException):
    """Ends a rehearsal. Not an Exception, so that no error handler catches it."""


class _Rehearsal:
    def check(self) -> None:
        raise _FirstChange

    def heed(self) -> None:
        """A rehearsal may wait."""


def client(access: Access, verb: str) -> Client:
    """The only place where commands create a client, so that tests can replace it."""
    return access.client(verb)


def current(name: str, forms: tuple[str, ...]) -> Run:
    """The run that the options of the command line describe."""
    found = click.get_current_context()
    given = found.meta
    form = given.get("output") or forms[0]
    return Run(
        names.check_cluster_name(name) if name else "",
        verb_of(found),
        form if form in forms else forms[0],
        given.get("timeout") or 60.0,
        access_of(given),
        Confirmation(bool(given.get("yes")), given.get("confirm")),
    )


def verb_of(found: click.Context) -> str:
    return found.command_path.partition(" ")[2] or str(found.info_name or "")


def access_of(given: dict[str, Any]) -> Access:
    """The access that options and variables recorded in a context's `meta`."""
    return Access(
        given.get("kubeconfig"),
        given.get("context"),
        given.get("namespace"),
        given.get("as_user") or "",
        tuple(given.get("as_groups") or ()),
    )

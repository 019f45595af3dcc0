"""What `apply` does only if the user has seen and chosen it: members that go, and a cluster that is deployed although
somebody deleted one of that name, or although claims hold the data of one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from mysqlops.core import ordered
from mysqlops.errors import Reason


@dataclass(frozen=True)
class Choice:
    """What the user decides beside the file: what becomes of the claims of members that go, which targets will exist
    because the file adds them first, and whether a deleted cluster is deployed again on its data. Then what the shown
    steps contain (None: nothing is changed yet): the members that go, and whether the cluster is deployed."""

    pvc: str | None = None
    added: Collection[str] = field(default_factory=frozenset)
    redeploy: bool = False
    shown: Collection[str] | None = None
    shown_deploy: bool | None = None


@dataclass(frozen=True)
class Gone:
    """What is left of a cluster that does not exist: the note of its `delete`, and claims."""

    deleted: ordered.Deleted | None = None
    claims: tuple[str, ...] = ()

    def __str__(self) -> str:
        when = f"was deleted at {self.deleted.at} by {self.deleted.by}" if self.deleted else "does not exist"
        where = f"{', '.join(self.claims)} hold its data" if self.claims else "its claims are gone"
        return f"{when}, and {where}"


NOTHING = Gone()


def deploy(name: str, gone: Gone, choice: Choice) -> Iterator[Reason]:
    """Why a cluster that does not exist is not deployed."""
    if choice.shown_deploy is False:
        text = f"{name} existed when the steps were shown, and {gone if gone != NOTHING else 'does not exist any more'}"
        yield Reason("changed-meanwhile", text, "run the command again")
    elif gone != NOTHING and not choice.redeploy:
        hint = (
            f"mysqlops apply --redeploy deploys it on that data as the file says; mysqlops delete {name} --purge-data "
            "deletes the data"
        )
        yield Reason("deleted", f"{name} {gone}", hint)


def members_go(replicas: int, members: frozenset[str], choice: Choice) -> Iterator[Reason]:
    if members and choice.pvc is None:
        text = f"the file removes {', '.join(sorted(members))}; choose what becomes of their claims"
        text = f"spec.replicas {replicas}: {text}"
        yield Reason("members-go", text, "give --pvc keep, or --pvc delete with --confirm NAME")
    elif choice.shown is not None and (more := members.difference(choice.shown)):
        text = f"spec.replicas {replicas}: {', '.join(sorted(more))} would be removed too, which was not shown"
        yield Reason("changed-meanwhile", text, "run the command again")

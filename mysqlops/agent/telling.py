"""How a member's agent reports what it sees and does: the fields of its publication, and sentences. Pure."""

from __future__ import annotations

from typing import Any

from mysqlops.core import names, view
from mysqlops.planning import member_actions


def replicas(server: view.ServerView | None) -> frozenset[str]:
    members = server.members if server is not None and server.has_majority() else ()
    return frozenset(
        member.pod for member in members if member.state == view.ONLINE and member.role == names.ROLE_REPLICA
    )


def lost_primaries(server: view.ServerView | None) -> frozenset[str]:
    """Only from the majority's view: a minority knows nothing about who leads."""
    if server is None or server.state != view.ONLINE or not server.has_majority():
        return frozenset()
    return frozenset(
        member.pod
        for member in server.members
        if member.role == names.ROLE_PRIMARY and member.state == view.UNREACHABLE
    )


def of_server(server: view.ServerView) -> dict[str, Any]:
    """What a publication says of a server that answers, but for its role."""
    return {
        "server_uuid": server.server_uuid,
        "server_version": server.version,
        "state": server.state,
        "writable": server.writable,
        "read_only": server.read_only,
        "view_id": server.view_id,
        "online": server.online_members(),
        "group": ",".join(member.pod for member in server.members) if server.state == view.ONLINE else "",
        "executed": str(server.executed),
        "received": str(server.received),
        "held": str(server.known()),
        "behind": server.behind,
        "clone_copied": server.clone.copied if server.clone else 0,
        "clone_size": server.clone.size if server.clone else 0,
    }


DOING = {
    member_actions.FormGroup: "forming the group",
    member_actions.ClearBootstrap: "turning off group_replication_bootstrap_group",
    member_actions.Join: "joining",
    member_actions.Clone: "copying",
    member_actions.Leave: "leaving",
    member_actions.StayOut: "recording that it must not come back",
    member_actions.NoteOrigin: "recording where its data comes from",
    member_actions.HandOver: "handing the primary over",
    member_actions.BlockClients: "refusing clients",
    member_actions.RefuseWrites: "refusing writes",
    member_actions.AcceptClients: "accepting clients again",
    member_actions.DropReceived: "deleting the relay log",
    member_actions.Apply: "applying what it received",
    member_actions.CatchUp: "catching up",
    member_actions.Settle: "removing the channel by which it caught up",
    member_actions.Wait: "waiting",
    member_actions.AwaitDonor: "waiting",
}
STARTS: dict[type, str] = {
    member_actions.FormGroup: "form",
    member_actions.Join: "join",
    member_actions.Clone: "copy",
    member_actions.Apply: "apply",
    member_actions.CatchUp: "catch up",
    member_actions.Settle: "remove its channel",
}


def sentence(action: member_actions.Action) -> str:
    if isinstance(action, member_actions.Serve):
        return f"in the group as {action.role}"
    return f"{DOING[type(action)]}: {action.why}"

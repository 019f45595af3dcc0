"""The list of checks, in the order in which a reader wants them: what clients notice first."""

from __future__ import annotations

from collections.abc import Callable, Collection

from mysqlops.errors import Reason
from mysqlops.planning.checks import contents, machines, placement, servers, volumes
from mysqlops.planning.checks.model import BUDGET, CLASSES, MAPS, ROLE, TARGETS, VOLUMES, Check, Coming

SERVICE = (
    Check(
        "members",
        "every member is in the group and serves",
        "a group without a member to spare stops at the next failure",
        codes=(
            "no-primary",
            "primary-silent",
            "member-not-online",
            "serves-nobody",
            "agent-away",
            "members-unseen",
            "stopped",
        ),
    ),
    Check(
        "one-writer",
        "the primary accepts writes, and it alone",
        "writes elsewhere are lost, or make members differ",
        codes=("two-primaries", "primary-moves", "replica-writable", "primary-read-only"),
    ),
    Check(
        "labels",
        "labels and Services follow the group's roles",
        "clients reach the member that a Service selects",
        codes=("label-stale", "service-stale"),
    ),
    Check(
        "views",
        "all members see the same group",
        "members that disagree elect different primaries",
        judge=servers.views,
        parts=("group",),
    ),
    Check(
        "applying",
        "every member can apply what the group wrote",
        "its data differ, and it cannot take over",
        codes=("applier-fails",),
    ),
    Check("lag", "no member is far behind", "it serves old rows, and takes over late", judge=placement.lag),
    Check(
        "errant",
        "no member has transactions of its own",
        "such a member cannot rejoin, and its rows are nowhere else",
        judge=placement.errant,
    ),
    Check(
        "connections",
        "connections are left",
        "the next clients are refused (error 1040)",
        judge=servers.connections,
        parts=("connections", "variables"),
    ),
    Check(
        "transactions",
        "no transaction or lock is held for a minute",
        "it blocks switchovers and schema changes, and old rows cannot be purged",
        judge=servers.transactions,
        parts=("transactions",),
    ),
    Check(
        "limits",
        "no statement or transaction was refused for its size",
        "an import or a large change fails again as long as the limit stays",
        judge=machines.limits,
        parts=("limits",),
    ),
)
DATA = (
    Check(
        "disk",
        "volumes have room",
        "a full volume stops its member",
        codes=("volume-filling",),
    ),
    Check(
        "growth",
        "volumes have room for a week, and most of it is no binary log",
        "there is time to resize now, and none when it is full",
        judge=machines.growth,
        parts=("growth", "binlogs"),
    ),
    Check(
        "storage",
        "volumes flush fast",
        "each commit waits for it, on every member that is in the majority",
        judge=machines.flushes,
        parts=("flushes",),
    ),
    Check(
        "storage-class",
        "the volumes' StorageClass exists, and lets them grow",
        "a new member's claim would wait without end, and a full volume could only be replaced",
        judge=volumes.classes,
        needs=(CLASSES,),
        ahead=volumes.class_of_new_claims,
    ),
    Check(
        "volumes",
        "volumes outlive their claims, or backups do, and pods can follow them",
        "who deletes a claim or the namespace deletes what is left of the data",
        judge=volumes.volumes,
        needs=(CLASSES, VOLUMES),
    ),
    Check(
        "tables",
        "every table can be replicated",
        "Group Replication refuses writes to such a table (error 3098)",
        judge=servers.tables,
        parts=("tables",),
    ),
    Check(
        "backups",
        "backups are scheduled, recent and proven",
        "without them a mistake or a lost site is final",
        codes=("backup-overdue", "binlog-late", "binlog-gap"),
        judge=placement.backups,
    ),
    Check(
        "targets",
        "backups and binary logs go to targets that exist",
        "a restore would not find what was stored elsewhere",
        judge=placement.targets,
        needs=(TARGETS,),
    ),
)
SECURITY = (
    Check(
        "certificates",
        "certificates are valid for weeks",
        "clients and members refuse an expired certificate",
        codes=("certificate-ends", "ca-ends"),
    ),
    Check(
        "secrets",
        "Secrets and accounts match",
        "a member or client that starts now cannot log in",
        codes=("secrets-refused", "secrets-missing", "accounts-differ"),
    ),
    Check(
        "encryption",
        "servers require TLS",
        "passwords and rows would cross the network as text",
        judge=servers.encryption,
        parts=("variables",),
    ),
    Check(
        "rights",
        "the agents' Role has every right that they use",
        "an agent without a right cannot move labels or form the group",
        judge=placement.agents_rights,
        needs=(ROLE,),
    ),
    Check(
        "contents",
        "the members' ConfigMaps hold what mysqlops wrote",
        "the agent runs their program with its rights, and mysqld their scripts and settings",
        judge=contents.contents,
        needs=(MAPS,),
    ),
)
KUBERNETES = (
    Check(
        "objects",
        "the objects and claims that members need exist",
        "a member that restarts could not start",
        codes=("object-missing", "lease-missing", "claim-going"),
    ),
    Check(
        "names",
        "each member's name leads to its pod",
        "members find each other by name, so one that restarts could not join",
        judge=machines.resolved,
        parts=("reach",),
    ),
    Check(
        "ports",
        "members reach each other's port",
        "the group expels whom it cannot reach",
        judge=machines.reached,
        parts=("reach",),
    ),
    Check(
        "spread",
        "each member runs on a node of its own",
        "a node's failure stops them all",
        judge=placement.spread,
        ahead=placement.room,
        refuses=False,
    ),
    Check(
        "disruption-budget",
        "drains take one member at a time",
        "a drain could take the majority",
        judge=placement.budget,
        needs=(BUDGET,),
    ),
    Check(
        "clocks",
        "the nodes' clocks agree",
        "backups' times, certificates and logs cannot be compared",
        judge=servers.clocks,
        parts=("moment",),
    ),
)
OPERATION = (
    Check(
        "orders",
        "no command was left half-done",
        "some changes wait until it is finished or reverted",
        codes=("applied-over", "order-open", "restore-open", "rollout-open", "rotation-open"),
    ),
    Check(
        "agents",
        "the agents are of one version",
        "an old agent does not know every order",
        codes=("agents-differ",),
    ),
    Check(
        "version",
        "MySQL gets fixes, and members run the same",
        "a server without fixes stays open to known faults",
        codes=("version-ended",),
        judge=placement.versions,
    ),
    Check(
        "rehearsal",
        "the last rehearsed upgrade was good",
        "the same upgrade would fail on the members",
        judge=placement.rehearsed,
    ),
    Check(
        "settings",
        "servers run with what my.cnf sets",
        "a restart would silently change the value",
        judge=servers.drifted,
        parts=("my-cnf", "variables"),
    ),
    Check(
        "alike",
        "members run with the same settings",
        "what works on one primary fails, or is slow, on the next",
        judge=machines.alike,
        parts=("my-cnf", "variables"),
    ),
)


def checks(explain: Callable[[str], str]) -> tuple[Check, ...]:
    """All of them; `explain` says what is known of a code of MySQL."""
    logged = Check(
        "errors",
        "servers logged no errors within an hour",
        "what the log says first is usually the cause",
        judge=servers.logged_errors(explain),
        parts=("errors",),
    )
    return (*SERVICE, *DATA, *SECURITY, *KUBERNETES, *OPERATION, logged)


def ahead(coming: Coming) -> list[tuple[Check, Reason]]:
    """What the same checks find wrong with what a command is about to make."""
    every = (*SERVICE, *DATA, *SECURITY, *KUBERNETES, *OPERATION)
    return [(check, reason) for check in every if check.ahead is not None for reason in check.ahead(coming)]


def parts(chosen: Collection[Check]) -> list[str]:
    """What each server must be asked for."""
    return sorted({part for check in chosen for part in check.parts})

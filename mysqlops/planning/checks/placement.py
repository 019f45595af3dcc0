"""Checks of what Kubernetes shows: where members run, what protects them, backups, versions, data. Pure."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import Any

from mysqlops.core import names, rehearsal, version, view
from mysqlops.core.gtid import GtidSet
from mysqlops.errors import Reason
from mysqlops.objects import drift, pods, schedule
from mysqlops.planning import backup_targets, status
from mysqlops.planning.checks.model import BUDGET, ROLE, Coming, Facts, Found

MOST_BEHIND = 1000  # transactions; a failover waits until they are applied


def spread(facts: Facts) -> list[Found]:
    """Members that one node's failure would stop together."""
    nodes = Counter(member.node for member in facts.now.members if member.node)
    voters = sum(nodes.values())
    found = []
    for node, count in nodes.items():
        if count > 1 and voters > 1:
            where = ", ".join(member.name for member in facts.now.members if member.node == node)
            lost = "the majority" if 2 * (voters - count) <= voters else f"{count} members"
            fix = f"kubectl get nodes; with a free node: mysqlops restart {facts.name}"
            found.append((f"several members run on one node: its failure takes {lost}", f"node {node}: {where}", fix))
    return found


def room(coming: Coming) -> list[Reason]:
    """The same of members that a command is about to make."""
    if coming.nodes is None:
        return []
    usable = [node for node in coming.nodes if not node["spec"].get("unschedulable") and pods.is_ready(node)]
    if len(usable) >= coming.members:
        return []
    text = f"{len(usable)} nodes can take pods, for {coming.members} members"
    hint = "kubectl get nodes; add nodes, or uncordon some"
    return [Reason("too-few-nodes", f"{text}: losing one node can stop several members", hint)]


def budget(facts: Facts) -> list[Found]:
    """A drain must take one member at a time."""
    wanted, found = facts.wanted[BUDGET], facts.objects.get(BUDGET)
    fix = f"mysqlops deploy {facts.name} restores it"
    if found is None:
        return [("no PodDisruptionBudget protects the members", f"{BUDGET} {facts.name} does not exist", fix)]
    other = [str(difference) for difference in drift.differences(wanted["spec"], found.get("spec"))]
    return [("the PodDisruptionBudget was changed", f"{BUDGET} {facts.name}: {'; '.join(other)}", fix)] if other else []


def agents_rights(facts: Facts) -> list[Found]:
    """Rights in the agents' Role that this release's agents use."""
    found = facts.objects.get(ROLE)
    if found is None:
        return []  # the check of objects reports it
    rules = found.get("rules") or []
    used = {right for rule in facts.wanted[ROLE]["rules"] for right in _rights(rule)}
    missing = {right for right in used if not any(_grants(rule, right) for rule in rules)}
    if not missing:
        return []
    texts = sorted({f"{verb} {resource}" for _, resource, _, verb in missing})
    by_hand = f"if somebody edited it, kubectl delete role {facts.name}, then mysqlops deploy {facts.name}"
    fix = f"mysqlops upgrade {facts.name}; {by_hand}"
    return [("the agents' Role does not have every right of this release", f"missing: {', '.join(texts)}", fix)]


def _grants(rule: dict[str, Any], right: tuple[str, str, str, str]) -> bool:
    """Whether somebody's rule has that right. All that it has may be beyond count."""
    lists: tuple[tuple[str, list[str]], ...] = (
        ("apiGroups", [""]),
        ("resources", []),
        ("resourceNames", [""]),
        ("verbs", []),
    )
    return all(one in (rule.get(key) or none) for (key, none), one in zip(lists, right, strict=True))


def _rights(rule: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (group, resource, only, verb)
        for group in rule.get("apiGroups") or [""]
        for resource in rule.get("resources") or []
        for only in rule.get("resourceNames") or [""]
        for verb in rule.get("verbs") or []
    ]


def backups(facts: Facts) -> list[Found]:
    """Overdue ones are conditions of `status`; missing schedules are not."""
    name = facts.name
    kinds = {cron_job["metadata"]["labels"].get(names.LABEL_STEPS) for cron_job in facts.seen.schedules}
    how = f"mysqlops backup schedule set {name} --cron '0 3 * * *' --verify-cron '0 5 * * 0'"
    found = []
    if schedule.BACKUP not in kinds:
        found.append(("no backup is scheduled", f"{name} has no CronJob for backups that you may list", how))
    elif schedule.VERIFY not in kinds:
        found.append(("no backup is proved by a restore", f"{name} has no CronJob for verifications", how))
    if facts.seen.receiver is None:
        text = "a restore loses everything since the last backup"
        seen = f"Lease {names.receiver(name)} does not exist: nothing stores binary logs"
        found.append((text, seen, f"mysqlops backup binlog start {name}"))
    return found + backup_targets.disagreements(facts.seen)


def targets(facts: Facts) -> list[Found]:
    return backup_targets.missing(facts.seen)


def lag(facts: Facts) -> list[Found]:
    fix = f"mysqlops status {facts.name} --watch; if it grows: fewer writes, a larger --cpu, or `explain rollouts`"
    return [
        (f"{member.name} is far behind", f"{member.behind} transactions received and not applied", fix)
        for member in facts.now.members
        if member.state == view.ONLINE and (member.behind or 0) >= MOST_BEHIND
    ]


def errant(facts: Facts) -> list[Found]:
    """Transactions under a member's own server_uuid: the group's have the group's name, and reach every member."""
    reported = {
        member.name: GtidSet.parse(member.executed) for member in facts.now.members if member.executed is not None
    }
    own = {member.server_uuid for member in facts.now.members if member.server_uuid}
    everything = GtidSet()
    for gtids in reported.values():
        everything = everything.union(gtids)
    found = []
    for name, held in reported.items():
        others = GtidSet()
        for other in (pod for pod in reported if pod != name):
            others = others.union(reported[other])
        alone = GtidSet(tuple(interval for interval in held.subtract(others).intervals if interval[0][0] in own))
        if alone and len(reported) > 1:
            fix = (
                f"inspect them; then mysqlops member rebuild {facts.name} {name}, or copy the rows through the primary"
            )
            found.append((f"{name} has transactions that no other member has", f"GTIDs {alone}", fix))
    return found


def versions(facts: Facts) -> list[Found]:
    reported = {member.name: member.version for member in facts.now.members if member.version}
    found = []
    if len({str(version.find(running)) for running in reported.values()}) > 1:
        texts = ", ".join(f"{name} {one}" for name, one in reported.items())
        found.append(("members run different versions", texts, f"mysqlops upgrade {facts.name} --resume"))
    return found


def rehearsed(facts: Facts) -> list[Found]:
    """A rehearsed upgrade that failed, until its image or a newer version runs."""
    last = rehearsal.last(status.annotations_of(facts.seen.lease))
    if last is None or last.is_good or last.image == facts.now.image:
        return []
    tried, run = version.find(last.version), [version.find(member.version or "") for member in facts.now.members]
    if tried is not None and any(running is not None and running > tried for running in run):
        return []
    again = f"mysqlops upgrade {facts.name} --image {shlex.quote(last.image)} --rehearse"
    fix = f"fix what it names, then {again}; or another image"
    return [("the last rehearsal of an upgrade failed", last.sentence(facts.seen.taken_at), fix)]

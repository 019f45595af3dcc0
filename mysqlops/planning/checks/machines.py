"""Checks of what lies under the servers: names, ports, volumes, and whether members are alike. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mysqlops.core import counting, instant, names, quantity, setting_secrets
from mysqlops.errors import ConfigError
from mysqlops.objects import pods, storage_class
from mysqlops.planning import settings
from mysqlops.planning.checks.model import Facts, Found

SLOW_MICROSECONDS, ENOUGH_FLUSHES = 50_000, 1000
DAYS_LEFT, BINLOG_SHARE, MOST_SHOWN = 7, 0.5, 5
_BINLOG, _DAY = "wait/io/file/sql/binlog", 86_400
# What differs between healthy members, or belongs to another check (version, certificates, who writes).
_OWN = frozenset(
    "server_id server_uuid hostname report_host general_log_file slow_query_log_file log_error pid_file relay_log "
    "relay_log_basename relay_log_index gtid_executed gtid_purged read_only super_read_only offline_mode "
    "auto_increment_increment auto_increment_offset group_replication_local_address group_replication_group_seeds "
    "group_replication_bootstrap_group innodb_version timestamp rand_seed1 rand_seed2".split()
)
_OWN_BEGINNINGS = (
    "version",
    "ssl_",
    "tls_",
    "admin_ssl_",
    "admin_tls_",
    "group_replication_recovery_",
    "immediate_server_",
)


def resolved(facts: Facts) -> list[Found]:
    """A member's name must lead to its pod, as every other one sees it."""
    found = dict[tuple[str, str], list[str]]()
    for asker, (target, addresses, trouble) in _reach(facts):
        own = {one["ip"] for one in (facts.seen.pods[target].get("status") or {}).get("podIPs") or []}
        if not addresses:
            found.setdefault((target, f"cannot resolve it: {trouble}"), []).append(asker)
        elif own and not own & set(addresses.split(",")):
            seen = f"it leads to {addresses}, its pod has {', '.join(sorted(own))}"
            found.setdefault((target, seen), []).append(asker)
    fix = "kubectl get pods -n kube-system -l k8s-app=kube-dns; again after 30 s if the pod is new"
    return [
        (f"the name of {target} does not lead to its pod", f"{', '.join(askers)}: {seen}", fix)
        for (target, seen), askers in found.items()
    ]


def reached(facts: Facts) -> list[Found]:
    """A server that answers its own agent must answer the other members too."""
    found = dict[tuple[str, str], list[str]]()
    for asker, (target, addresses, trouble) in _reach(facts):
        if addresses and trouble and target in facts.answers:
            found.setdefault((target, trouble), []).append(asker)
    fix = f"kubectl get networkpolicy; mysqlops deploy {facts.name} restores the cluster's own policy"
    return [
        (f"members do not reach {target}", f"{', '.join(askers)}: port {names.PORT_MYSQL}: {trouble}", fix)
        for (target, trouble), askers in found.items()
    ]


def _reach(facts: Facts) -> list[tuple[str, list[str]]]:
    """Of members whose pods are there, and run."""
    return [
        (asker, row)
        for asker, rows in facts.part("reach").items()
        for row in rows
        if row[0] in facts.seen.pods and not pods.is_pending(facts.seen.pods[row[0]])
    ]


def flushes(facts: Facts) -> list[Found]:
    """Each commit waits for a flush of the binary log and one of the redo log."""
    found = []
    for pod, rows in facts.part("flushes").items():
        for event, count, microseconds in rows:
            if count >= ENOUGH_FLUSHES and microseconds >= SLOW_MICROSECONDS:
                what = "binary log" if event == _BINLOG else "redo log"
                seen = f"a flush of the {what} took {microseconds / 1000:.0f} ms on average of {count} since its start"
                fix = f"look at the node's disk (iostat -x); for a faster StorageClass, {storage_class.ANOTHER}"
                found.append((f"the volume of {pod} is slow", seen, fix))
    return found


def growth(facts: Facts) -> list[Found]:
    """Days left, and what binary logs take: they are kept for a fixed time, so they grow with writes."""
    found, sizes = [], {member.name: member.volume_size for member in facts.now.members}
    resize = f"mysqlops storage resize {facts.name} --size SIZE"
    for pod, answer in facts.part("growth").items():
        left = answer.get("seconds_left")
        if left is not None and left < DAYS_LEFT * _DAY:
            seen = f"at the growth of the last day it is full in {max(left, 0) / _DAY:.1f} days"
            found.append((f"the volume of {pod} fills up", seen, resize))
    for pod, answer in facts.part("binlogs").items():
        logs, size = answer.get("bytes", 0), sizes.get(pod) or 0
        if size and logs > BINLOG_SHARE * size:
            seen = f"{quantity.format_bytes(logs)} of {quantity.format_bytes(size)} are binary logs"
            fix = (
                f"mysqlops config set {facts.name} binlog_expire_logs_seconds=SECONDS keeps them for less; or {resize}"
            )
            found.append((f"binary logs take most of the volume of {pod}", seen, fix))
    return found


def alike(facts: Facts) -> list[Found]:
    """Variables that my.cnf does not set, and that members run with different values of: somebody used SET GLOBAL."""
    running: Mapping[str, Mapping[str, str]] = facts.part("variables")
    common = set.intersection(*(set(one) for one in running.values())) if len(running) > 1 else set()
    configured = {key for text in facts.part("my-cnf").values() for key in _set_by(text)}
    texts = []
    for key in sorted(common - configured - _OWN):
        values = {pod: one[key] for pod, one in running.items()}
        if len(set(values.values())) > 1 and not key.startswith(_OWN_BEGINNINGS):
            texts.append(f"{key} is {_several(key, values)}")
    if not texts:
        return []
    more = f" and {len(texts) - MOST_SHOWN} more" if len(texts) > MOST_SHOWN else ""
    fix = f"mysqlops config set {facts.name} KEY=VALUE sets it everywhere; mysqlops restart {facts.name} reverts it"
    return [("members run with different settings", "; ".join(texts[:MOST_SHOWN]) + more, fix)]


def _set_by(text: str) -> set[str]:
    try:
        return set(settings.values(text))
    except ConfigError:
        return set()


def _several(key: str, values: Mapping[str, str]) -> str:
    """The value of most, and who has another one."""
    most = Counter(values.values()).most_common(1)[0][0]
    others = [f"{_short(key, value)} on {pod}" for pod, value in values.items() if value != most]
    return f"{_short(key, most)}, but {', '.join(others)}"


def _short(key: str, value: str) -> str:
    return str(setting_secrets.shown(key, value))[:60]


_REFUSED_FOR = {
    "MY-011608": "group_replication_transaction_size_limit",
    "MY-001153": "max_allowed_packet",
    "MY-001197": "max_binlog_cache_size",
}


def limits(facts: Facts) -> list[Found]:
    """What was refused for its size since the server started."""
    found = []
    for pod, rows in facts.part("limits").items():
        for code, count, at in rows:
            if limit := _REFUSED_FOR.get(code):
                seen = f"{code}, {counting.of(count, 'time')}, last at {instant.text(instant.since_1970(at))}"
                fix = f"smaller statements and transactions; or mysqlops config set {facts.name} {limit}=NUMBER"
                found.append((f"{pod} refused what is larger than {limit}", seen, fix))
    return found

"""Checks of what the members' servers answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from mysqlops.core import activity, counting, instant, setting_secrets, view
from mysqlops.errors import ConfigError
from mysqlops.planning import settings
from mysqlops.planning.checks.model import Facts, Found

MOST_SKEW, LONG_SECONDS, MOST_SHOWN, MOST_CONNECTIONS = 2.0, 60, 5, 0.85


def clocks(facts: Facts) -> list[Found]:
    """Only what the answers' own duration cannot explain counts: each clock was read between two moments of ours."""
    spans = dict(_offsets(facts))
    if not spans:
        return []
    early, late = min(spans, key=lambda one: spans[one][1]), max(spans, key=lambda one: spans[one][0])
    apart = spans[late][0] - spans[early][1]
    found = []
    if apart > MOST_SKEW:
        seen = f"the clock of {late} is at least {apart:.1f} s ahead of that of {early}"
        found.append(("the nodes' clocks differ", seen, "check chrony, or another time service, on both nodes"))
    elif spans[early][0] > MOST_SKEW or spans[late][1] < -MOST_SKEW:
        ours = f"the members' clocks are {spans[early][0]:+.1f} to {spans[late][1]:+.1f} s from this machine's"
        found.append(("this machine's clock differs from the members'", ours, "check the time service of this machine"))
    return found


def _offsets(facts: Facts) -> Iterator[tuple[str, tuple[float, float]]]:
    for pod, moment in facts.part("moment").items():
        at, one = datetime.fromisoformat(moment).timestamp(), facts.answers[pod]
        yield pod, (at - one.answered, at - one.asked)


def tables(facts: Facts) -> list[Found]:
    """The data are the same everywhere: one member's answer is enough, the primary's if it gave one."""
    answer = facts.part("tables")
    rows: list[list[str]] = answer.get(facts.now.primary or "") or next(iter(answer.values()), [])
    if not rows:
        return []
    shown = ", ".join(f"{schema}.{table} ({engine})" for schema, table, engine in rows[:MOST_SHOWN])
    more = f" and {'more' if len(rows) > 20 else len(rows) - MOST_SHOWN}" if len(rows) > MOST_SHOWN else ""
    fix = "ALTER TABLE … ADD PRIMARY KEY, or ENGINE = InnoDB, on the primary"
    return [("the group cannot replicate writes to some tables", f"no primary key, or not InnoDB: {shown}{more}", fix)]


def transactions(facts: Facts) -> list[Found]:
    found = []
    for pod, answer in facts.part("transactions").items():
        long = [
            transaction for transaction in activity.transactions(answer) or () if transaction.seconds >= LONG_SECONDS
        ]
        for one in long[:MOST_SHOWN]:
            what = one.lock or f"a transaction with {one.rows_modified} changed rows"
            seen = f"connection {one.connection} of {one.user}: {what}, for {one.seconds} s"
            fix = f"end it in the application, or KILL CONNECTION {one.connection} on {pod}"
            found.append((f"a session on {pod} holds a transaction or lock for long", seen, fix))
    return found


def logged_errors(explain: Callable[[str], str]) -> Callable[[Facts], list[Found]]:
    """`explain` gives what is known of a code of MySQL, empty if nothing is."""

    def judge(facts: Facts) -> list[Found]:
        found = []
        for pod, rows in facts.part("errors").items():
            for code, subsystem, count, at in rows[:MOST_SHOWN]:
                last = instant.text(instant.since_1970(at))
                known = f": {text}" if (text := explain(code)) else ""
                seen = f"{code} ({subsystem}), {counting.of(count, 'time')}, last at {last}{known}"
                fix = f"mysqlops logs {facts.name} --member {pod} --level error"
                found.append((f"the server of {pod} logged errors within an hour", seen, fix))
        return found

    return judge


def drifted(facts: Facts) -> list[Found]:
    """Where a server runs with another value than its my.cnf sets."""
    found, files = [], facts.part("my-cnf")
    for pod, running in facts.part("variables").items():
        differing = differences(files.get(pod, ""), running)
        if differing:
            texts = [f"{key} is {ours}, my.cnf has {wanted}" for key, (wanted, ours) in shown(differing).items()]
            more = f" and {len(texts) - MOST_SHOWN} more" if len(texts) > MOST_SHOWN else ""
            fix = f"mysqlops config set {facts.name} KEY=VALUE keeps a value; mysqlops restart {facts.name} reverts it"
            found.append((f"{pod} runs with other settings", "; ".join(texts[:MOST_SHOWN]) + more, fix))
    return found


def differences(my_cnf: str, running: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Variable -> its value in my.cnf, and the one that the server runs with."""
    try:
        wanted = settings.values(my_cnf)
    except ConfigError:
        return {}
    return {
        key: (value, running[key])
        for key, value in wanted.items()
        if key in running and settings.differs(key, value, running[key])
    }


def shown(found: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str | None, str | None]]:
    """The same without the values of settings that are secrets."""
    return {
        key: (setting_secrets.shown(key, one), setting_secrets.shown(key, other)) for key, (one, other) in found.items()
    }


def connections(facts: Facts) -> list[Found]:
    found = []
    for pod, answer in facts.part("connections").items():
        most = facts.part("variables").get(pod, {}).get("max_connections", "")
        now = answer.get("Threads_connected", 0)
        if most.isdecimal() and len(most) < 20 and now >= MOST_CONNECTIONS * int(most):
            seen = f"{now} of {most} connections are open, at most {answer.get('Max_used_connections', 0)} were"
            fix = f"mysqlops config set {facts.name} max_connections=NUMBER, or a pool of connections"
            found.append((f"{pod} has almost no free connections", seen, fix))
    return found


def encryption(facts: Facts) -> list[Found]:
    return [
        (f"{pod} accepts connections without TLS", "require_secure_transport is OFF", f"mysqlops restart {facts.name}")
        for pod, answer in facts.part("variables").items()
        if answer.get("require_secure_transport") == "OFF"
    ]


def views(facts: Facts) -> list[Found]:
    """Every member must see the same group."""
    groups = {
        pod: sorted(f"{row[1].partition('.')[0]} {row[2]}" for row in rows) for pod, rows in facts.part("group").items()
    }
    online = {member.name for member in facts.now.members if member.state == view.ONLINE}
    seen = {pod: ", ".join(rows) for pod, rows in groups.items() if pod in online}
    if len(set(seen.values())) < 2:
        return []
    text = "; ".join(f"{pod} sees {rows}" for pod, rows in seen.items())
    return [("the members do not see the same group", text, f"mysqlops status {facts.name}, again after ten seconds")]

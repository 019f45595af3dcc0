"""What makes the condition of each alert in manifests/monitoring/rules.yaml, and what ends it, on a cluster `mysql` of
three members with a target `local` and a receiver of binary logs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from mysqlops.core import names
from mysqlops.drill.reach import nodes
from tests.cluster import growing, own_certificate, second_group
from tests.cluster.conftest import KUBECONFIG, Namespace, eventually, fill, killed, purge

BESIDE_A_HEALTHY_CLUSTER = "MysqlMemberMissing"  # test_monitoring.py: no other alert may fire with it
# As clients log in: the agent's own interface has no limit.
_AGENT = (
    "import sys, time; sys.path.insert(0, '/agent/agent.pyz')\n"
    "from mysqlops import errors\n"
    "from mysqlops.agent import credentials, settings\n"
    "from mysqlops.core import names\n"
    "from mysqlops.mysql import connect\n"
    "login = credentials.read_login(settings.CREDENTIALS, names.USER_ADMIN, names.KEY_ADMIN_PASSWORD)\n"
)
# A table that is locked so can still be read, and applying waits.
_LOCK = "server = connect.connect_socket(login); server.query('LOCK TABLES app.alerts READ'); time.sleep(300)"
_CROWD = (
    "kept = []\n"
    "for _ in range(40):\n"
    "    try: kept.append(connect.connect_socket(login))\n"
    "    except errors.MysqlopsError: pass\n"
    "time.sleep(300)"
)
_left_open: list[subprocess.Popen[bytes]] = []
_frozen: list[tuple[str, list[int]]] = []  # node, and the processes that stand still there


@dataclass(frozen=True)
class Condition:
    """`begin` makes the alerts fire, `end` ends them."""

    alerts: tuple[str, ...]
    begin: Callable[[Namespace], object]
    end: Callable[[Namespace], object]


def _primary(on: Namespace) -> str:
    return next(str(one["name"]) for one in on.status()["members"] if one["role"] == "primary")


def _app(on: Namespace, how: str) -> None:
    on.sql(_primary(on), f"ALTER USER app@'%' {how}")


def _rotate_what_was_changed(on: Namespace) -> None:
    _app(on, "DISCARD OLD PASSWORD")
    on.must("users", "rotate", "mysql")


def _rotate_and_begin_a_rollout(on: Namespace) -> None:
    """A rollout that its killed command leaves open."""
    on.must("users", "rotate", "mysql")
    rollout = ("get", "statefulset", "mysql", "-o", "jsonpath={.metadata.annotations}")
    killed(on, lambda: names.ANNOTATION_ROLLOUT in on.kubectl(*rollout), "upgrade", "mysql", "--cpu", "110m")


def _annotate(*words: str) -> Callable[[Namespace], object]:
    return lambda on: on.kubectl("annotate", "lease", "mysql-group", *words)


def _must(*lines: str) -> Callable[[Namespace], object]:
    return lambda on: [on.must(*line.split()) for line in lines]


def _no_pods(on: Namespace, *victims: str) -> None:
    """A quota keeps the StatefulSet from replacing them."""
    on.kubectl("create", "quota", "none", "--hard=pods=0")
    on.kubectl("delete", "pod", *victims, "--grace-period=0", "--force", "--wait=false")


def _part_with_two(on: Namespace) -> None:
    """With time to leave the group: two that are killed take the majority with them, and no member is left in it."""
    on.kubectl("create", "quota", "none", "--hard=pods=0")
    first, second = on.replicas()
    _part_with(on, first, 2)
    _part_with(on, second, 1)


def _part_with(on: Namespace, member: str, left: int) -> None:
    on.kubectl("delete", "pod", member, "--wait=false")
    eventually(lambda: on.status()["online"] == left, f"the group has {left}", 120)


def _freeze_two(on: Namespace) -> None:
    """From their nodes. Members of deleted pods may still leave the group, and the last one then goes on alone: those
    that stand still take the primary's majority away."""
    own = second_group.nodes_of(on)
    for member in on.replicas():
        pod = json.loads(on.kubectl("get", "pod", member, "-o", "json"))
        node = pod["spec"]["nodeName"]
        pids = nodes.mysqld(own, node, pod["metadata"]["uid"])
        _frozen.append((node, pids))
        own.output(nodes.send(own, node, "-STOP", pids))


def _thaw(on: Namespace) -> None:
    while _frozen:
        own, (node, pids) = second_group.nodes_of(on), _frozen.pop()
        own.output(nodes.send(own, node, "-CONT", pids))
    on.await_healthy(seconds=240)


def _fill_the_last_replica(on: Namespace) -> None:
    """It cannot leave the group: the primary would be alone."""
    gone, full = on.replicas()
    _no_pods(on, gone)
    eventually(lambda: on.status()["online"] == 2, "the group has two members")
    fill(on, full)


def _free(on: Namespace) -> None:
    for one in on.objects("pods"):
        if one["metadata"]["name"].startswith("mysql-") and one["metadata"].get("labels", {}).get(names.LABEL_ROLE):
            on.kubectl("exec", one["metadata"]["name"], "-c", "mysqld", "--", "rm", "-f", "/var/lib/mysql/filler")
    _let_pods(on)


def _let_pods(on: Namespace) -> None:
    """The StatefulSet's controller tries again less and less often: something has to change for it to look at once."""
    on.kubectl("delete", "quota", "none")
    on.kubectl("annotate", "statefulset", "mysql", "quota=gone", "--overwrite")
    on.await_healthy(seconds=300)


def _leave_open(on: Namespace, member: str, program: str) -> None:
    """A session of somebody who went home."""
    words = ["kubectl", f"--kubeconfig={KUBECONFIG}", "-n", on.name, "exec", member, "-c", "agent", "--"]
    running = subprocess.Popen(
        [*words, "python3", "-c", _AGENT + program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _left_open.append(running)


def _end_what_was_left_open(on: Namespace, member: str) -> None:
    own = f"user = '{names.USER_ADMIN}' AND command = 'Sleep' AND time > 15"
    for (number,) in on.sql(member, f"SELECT id FROM performance_schema.processlist WHERE {own}"):
        on.sql(member, f"KILL {number}")
    while _left_open:
        _left_open[-1].kill()
        _left_open.pop().wait()


def _lag(on: Namespace) -> None:
    replica, primary = on.replicas()[0], _primary(on)
    on.sql(primary, "CREATE TABLE IF NOT EXISTS app.alerts (id INT AUTO_INCREMENT PRIMARY KEY)")
    eventually(lambda: on.sql(replica, "SHOW TABLES IN app LIKE 'alerts'") != [], "the replica has the table")
    on.sql(replica, "SET GLOBAL group_replication_flow_control_applier_threshold = 1")
    _leave_open(on, replica, _LOCK)
    locked = "SELECT 1 FROM performance_schema.metadata_locks WHERE object_name = 'alerts'"
    eventually(lambda: on.sql(replica, locked) != [], "the table is locked")
    for _ in range(5):
        on.sql(primary, "INSERT INTO app.alerts VALUES ()")


def _catch_up(on: Namespace) -> None:
    for replica in on.replicas():
        _end_what_was_left_open(on, replica)
        on.sql(replica, "SET GLOBAL group_replication_flow_control_applier_threshold = DEFAULT")


def _crowd(on: Namespace) -> None:
    replica = on.replicas()[0]
    on.sql(replica, "SET GLOBAL max_connections = 12")
    _leave_open(on, replica, _CROWD)


def _disperse(on: Namespace) -> None:
    for replica in on.replicas():
        _end_what_was_left_open(on, replica)
        on.sql(replica, "SET GLOBAL max_connections = 74")


def _break_an_applier(on: Namespace) -> None:
    """The table that the group writes to is missing there."""
    primary, replica = _primary(on), on.replicas()[0]
    on.sql(primary, "CREATE TABLE app.broken (id INT PRIMARY KEY)")
    eventually(lambda: on.sql(replica, "SHOW TABLES IN app LIKE 'broken'") != [], "the replica has the table")
    drop = ("SET sql_log_bin = 0", "SET GLOBAL super_read_only = OFF", "DROP TABLE app.broken")
    together = f"server = connect.connect_socket(login); [server.query(one) for one in {drop!r}]"
    on.kubectl("exec", replica, "-c", "agent", "--", "python3", "-c", _AGENT + together)
    on.sql(primary, "INSERT INTO app.broken VALUES (1)")


def _rebuild(on: Namespace) -> None:
    name = on.conditions()["applier-fails"]["message"].split()[0]
    on.must("member", "rebuild", "mysql", name, "--confirm", name)


def _eat_memory_twice(on: Namespace) -> None:
    replica = on.replicas()[0]
    _eat_memory(on, replica)
    _eat_memory(on, replica)


def _eat_memory(on: Namespace, member: str) -> None:
    before = on.restarts(member, "mysqld")
    on.sql(member, "SET GLOBAL max_allowed_packet = 1 << 30")
    eat = "connect.connect_socket(login).query(\"DO LENGTH(REPEAT('x', 1000000000))\")"
    on.kubectl("exec", member, "-c", "agent", "--", "python3", "-c", _AGENT + eat, check=False)
    eventually(lambda: on.restarts(member, "mysqld") > before, "kubelet starts mysqld again", 90)
    eventually(lambda: on.sql(member, "SELECT 1"), "mysqld answers again", 120, away=(AssertionError,))


def _in_repository(on: Namespace, script: str) -> None:
    on.kubectl("exec", "deployment/mysql-binlog", "-c", "restic", "--", "sh", "-ec", script)


def _spoil_the_repository(on: Namespace) -> None:
    _in_repository(on, 'file=$(find /repository -name config -type f); mv "$file" "$file.away"')
    on.sql(_primary(on), "CREATE TABLE app.late (id INT PRIMARY KEY)")


def _restore_the_repository(on: Namespace) -> None:
    _in_repository(on, 'file=$(find /repository -name config.away); mv "$file" "${file%.away}"')


def _purge_what_is_not_stored(on: Namespace) -> None:
    on.must("backup", "binlog", "stop", "mysql")
    on.sql(_primary(on), "CREATE TABLE app.gap (id INT PRIMARY KEY)")
    purge(on, _primary(on))
    on.must("backup", "binlog", "start", "mysql", "--target", "local", "--every", "5s")


def _overdue(on: Namespace) -> None:
    on.must(*"backup schedule set mysql --cron".split(), "0 3 1 1 *", "--max-age", "1s")
    time.sleep(1)


OF_MEMBERS = (
    Condition(("MysqlVolumeFullSoon",), growing.begin, growing.end),
    Condition(("MysqlConnectionsNearLimit", "MysqlConnectionsRefused"), _crowd, _disperse),
    Condition(("MysqlReplicaLags", "MysqlFlowControlNear"), _lag, _catch_up),
    Condition(
        ("MysqlOutOfMemory", "MysqlContainerRestarts"), _eat_memory_twice, lambda on: on.await_healthy(seconds=240)
    ),
    Condition(("MysqlVolumeFilling", "MysqlMemberServesNobody"), _fill_the_last_replica, _free),
    Condition(("MysqlOneMemberLeft",), _part_with_two, _let_pods),
    Condition(("MysqlNoPrimary",), _freeze_two, _thaw),
    Condition(("MysqlTwoPrimaries",), second_group.begin, second_group.end),
    Condition(("MysqlApplierFails",), _break_an_applier, _rebuild),
    Condition(("MysqlCertificateExpires",), own_certificate.bring, own_certificate.take_away),
)
OF_THE_CLUSTER = (
    Condition(  # as a killed `apply` leaves it
        ("MysqlOrderOpen",),
        _annotate(f"{names.ANNOTATION_APPLYING}=scale"),
        _annotate(f"{names.ANNOTATION_APPLYING}-"),
    ),
    Condition(  # members that started before the rotation keep it open
        ("MysqlRotationOpen", "MysqlRolloutOpen"),
        _rotate_and_begin_a_rollout,
        _must("upgrade mysql --resume", "users rotate mysql --finish --yes"),
    ),
    Condition(("MysqlBackupOverdue",), _overdue, _must("backup schedule remove mysql --yes")),
    Condition(("MysqlBinlogLate",), _spoil_the_repository, _restore_the_repository),
    Condition(("MysqlBinlogGap",), _purge_what_is_not_stored, _must("backup create mysql --target local")),
    Condition(("MysqlNothingReports",), _must("stop mysql --yes"), _must("start mysql")),
    Condition(  # the last: its end leaves a rotation open
        ("MysqlSecretsDiffer",),
        lambda on: _app(on, "IDENTIFIED BY 'another' RETAIN CURRENT PASSWORD"),
        _rotate_what_was_changed,
    ),
)

"""Every name, label, annotation and port that mysqlops uses; tests check that the YAML uses exactly these."""

from __future__ import annotations

import re
from datetime import datetime

from mysqlops.core import instant
from mysqlops.errors import ConfigError

DOMAIN = "mysqlops.io"
FIELD_MANAGER = "mysqlops"

LABEL_NAME = "app.kubernetes.io/name"
LABEL_INSTANCE = "app.kubernetes.io/instance"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_ROLE = f"{DOMAIN}/role"
LABEL_READS = f"{DOMAIN}/reads"  # on a replica's pod: NAME-replicas selects it (core/routing.py)
LABEL_DRILL = f"{DOMAIN}/drill"  # on pods that reach nodes for a drill: the cluster's name
LABEL_CLIENT = f"{DOMAIN}/client"  # on pods of any namespace that may connect to the cluster of that name
LABEL_PARKED = f"{DOMAIN}/parked"  # in the selector of a StatefulSet that is set aside: the cluster's name
LABEL_KEPT = f"{DOMAIN}/kept"  # on a claim whose member was removed
LABEL_EXPOSED = f"{DOMAIN}/exposed"  # on the Service and the NetworkPolicy that `expose` made: the Service's name
APP_NAME = "mysqlops"
OURS = f"{LABEL_NAME}={APP_NAME}"  # a selector: what belongs to any cluster

ANNOTATION_MEMBER = f"{DOMAIN}/member"  # on a pod: what its agent sees (core/publication.py)
ANNOTATION_BOOTSTRAPPED = f"{DOMAIN}/bootstrapped"  # on the Lease, copied to the Secret: who formed the group, and when
ANNOTATION_FENCED = f"{DOMAIN}/fenced"  # on the Lease: JSON, member -> why
ANNOTATION_GROUP = f"{DOMAIN}/group"  # on the Lease, and a copy on the Secret: JSON, core/group.py's Note
ANNOTATION_GIVEN_UP = f"{DOMAIN}/given-up"  # on the Lease: JSON, the order of `recover` (core/group.py)
ANNOTATION_STOPPED = f"{DOMAIN}/stopped"  # on the Lease: JSON, what `stop` found and `start` restores
ANNOTATION_RESTARTING = f"{DOMAIN}/restarting"  # on the Lease: JSON, the pods that `restart` is to replace
ANNOTATION_REBUILDING = f"{DOMAIN}/rebuilding"  # on the Lease: JSON, member -> replaced claim (planning/member.py)
ANNOTATION_FILLING = f"{DOMAIN}/filling"  # on the Lease: JSON, member -> backup that fills its volume before it starts
ANNOTATION_RECREATING = f"{DOMAIN}/recreating"  # on the Lease: JSON, what replaces the StatefulSet; else its members
ANNOTATION_SETTING = f"{DOMAIN}/setting"  # on the Lease: JSON, variables that are set live and not verified yet
ANNOTATION_APPLYING = f"{DOMAIN}/applying"  # on the Lease: JSON, the verb that `apply` is running
ANNOTATION_DELETED = f"{DOMAIN}/deleted"  # on the Lease: JSON, who deleted the cluster and kept its data, and when
ANNOTATION_VERSION = f"{DOMAIN}/data-version"  # on the Lease: the newest server version that has run on the data
ANNOTATION_ROTATED = f"{DOMAIN}/rotated"  # on the Lease: JSON, an open rotation of passwords (core/ordered.py)
ANNOTATION_RENEWED = f"{DOMAIN}/renewed"  # on the Lease: JSON, when a command last changed the certificate
ANNOTATION_ROLLOUT = f"{DOMAIN}/rollout"  # on the StatefulSet: JSON, a rollout under way (core/rollout.py)
ANNOTATION_REPLACED = f"{DOMAIN}/replaced"  # on a claim: JSON, what it held when a rollout replaced its pod
ANNOTATION_HOLDER = f"{DOMAIN}/holder"  # on the Lease of a running command: which process holds it
ANNOTATION_KEPT_SINCE = f"{DOMAIN}/kept-since"  # on such a claim
ANNOTATION_KEPT_EXECUTED = f"{DOMAIN}/kept-executed"  # on such a claim: the GTID set that it holds at least
ANNOTATION_KEPT_HISTORY = f"{DOMAIN}/kept-history"  # on such a claim: the history's name when that was noted
ANNOTATION_AGENT = f"{DOMAIN}/agent-version"  # on the pod template and the agent's ConfigMap

LABEL_TARGET = f"{DOMAIN}/backup-target"  # the target's name, on its Secret and on pods that use its claim
LABEL_STEPS = f"{DOMAIN}/backup"  # on a Job: what it is for
ANNOTATION_REPOSITORY = f"{DOMAIN}/repository"  # on such a Secret: the repository's address, without credentials
ANNOTATION_CLAIM = f"{DOMAIN}/claim"  # on such a Secret: the claim that holds the repository
ANNOTATION_SCHEDULE = f"{DOMAIN}/schedule"  # on a CronJob: JSON, the options of `backup schedule set`
ANNOTATION_RESTORED = f"{DOMAIN}/restored-from"  # on a claim: the backup that fills it
ANNOTATION_POINT = f"{DOMAIN}/restored-to"  # on such a claim: the point in time it is recovered to, if any
ANNOTATION_FILLED = f"{DOMAIN}/filled-from"  # on a new cluster's first claim, once filled: the backup and the point
ANNOTATION_RESTORING = f"{DOMAIN}/restoring"  # on the Lease: JSON, a restore in place under way (core/timeline.py)
ANNOTATION_CLAIMS = f"{DOMAIN}/claims"  # on the Lease: JSON, the claims in use and the previous ones
# On a VolumeSnapshot that no catalogue lists yet: core/snapshot_notes.py; also on the Secret of a target never reached.
ANNOTATION_PENDING = f"{DOMAIN}/pending"
ANNOTATION_BINLOG = f"{DOMAIN}/binlog"  # on the receiver's Lease: JSON, core/binlog.py's Report
ANNOTATION_RESTIC = f"{DOMAIN}/restic-image"  # on such a Secret
ANNOTATION_OBITUARY = f"{DOMAIN}/obituary"  # on the group's Lease: "on" or "off" (planning/obituary.py)
ANNOTATION_DETECTION = f"{DOMAIN}/failure-detection"  # on the group's Lease (planning/lost_members.py)
ANNOTATION_COPY = f"{DOMAIN}/copy"  # on all objects of a drill's restored copy: the drill's token
ANNOTATION_DRILL = f"{DOMAIN}/drill"  # on the Lease: JSON, a drill under way (drill/model.py)

ROLE_PRIMARY = "primary"
ROLE_REPLICA = "replica"
ROLE_NONE = "none"

PORT_MYSQL, PORT_AGENT, PORT_EXPORTER = 3306, 8306, 9104
PORT_HEARTBEAT = 8307  # UDP; only with fast failure detection (core/heartbeat.py)
CONTAINER_MYSQLD = "mysqld"
CONTAINER_AGENT = "agent"
CONTAINER_EXPORTER = "mysqlops-exporter"
CLAIM_TEMPLATE = "data"

USER_ADMIN = "mysqlops"  # the agent's account, from its own pod only
USER_REPLICATION = "mysqlops_replication"
USER_PROBE = "mysqlops_probe"
USER_ADOPT = "mysqlops_adopt"  # only while `adopt` copies
USER_LOAD = "mysqlops_load"  # likewise, for the rows alone
USER_BACKUP = "mysqlops_backup"  # created with the first backup
USER_DUMP = "mysqlops_dump"  # only on a copy, while it is dumped
USER_EXPORTER = "mysqlops_exporter"  # only where members have a mysqld_exporter
USER_APP = "app"
DATABASE_APP = "app"

KEY_ROOT_PASSWORD = "root-password"
KEY_ADMIN_PASSWORD = "admin-password"
KEY_REPLICATION_PASSWORD = "replication-password"
KEY_PROBE_PASSWORD = "probe-password"
KEY_APP_PASSWORD = "app-password"
KEY_ADOPT_PASSWORD = "adopt-password"  # only while `adopt` copies
KEY_BACKUP_PASSWORD = "backup-password"
KEY_EXPORTER_PASSWORD = "exporter-password"
KEY_BACKUP_KEY = "backup-key"  # seals the cluster's backups (adr/0027); not a password
KEY_CA_KEY = "ca-key"  # only if mysqlops created the CA
KEY_CA_CERTIFICATE = "ca-certificate"  # of that key
KEY_CA_REPLACES = "ca-replaces"  # the fingerprint of the CA that a new one is about to replace in NAME-tls
KEY_GROUP_NAME = "group-name"
PASSWORD_KEYS = (KEY_ROOT_PASSWORD, KEY_ADMIN_PASSWORD, KEY_REPLICATION_PASSWORD, KEY_PROBE_PASSWORD, KEY_APP_PASSWORD)


def next_key(key: str) -> str:
    """The Secret's key of the next password, while it is being distributed to the members."""
    return f"next-{key}"


def previous_key(key: str) -> str:
    """The Secret's key of the previous password, which stays valid until the rotation is finished."""
    return f"previous-{key}"


# StatefulSet pods carry a 63-character label `<name>-<revision hash>`; the suffixes below need room too (as in moco).
MAX_NAME_LENGTH = 40
MAX_MEMBERS = 9  # Group Replication's own limit
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_RESTORED = re.compile(r"r\d{14}-")
_TEMPLATES = re.compile(rf"{CLAIM_TEMPLATE}(-r\d{{14}})?")
_TEMPLATE = re.compile(rf"^{CLAIM_TEMPLATE}-({_RESTORED.pattern})?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def check_cluster_name(name: str) -> str:
    """The name unchanged; raises ConfigError with the rules for names."""
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_LENGTH:
        raise ConfigError(
            f"NAME {name!r}: expected at most {MAX_NAME_LENGTH} of a-z, 0-9 and '-', "
            "starting with a letter and not ending with '-'",
            hint="choose a name such as mysql or orders-db",
        )
    if _RESTORED.match(f"{name}-"):
        text = f"NAME {name!r}: after a restore in place, its claims would have the names of another cluster's"
        raise ConfigError(text, hint="choose a name such as mysql or orders-db")
    return name


def is_cluster_name(text: str) -> bool:
    """True if a cluster may have that name."""
    try:
        return bool(check_cluster_name(text))
    except ConfigError:
        return False


def check_namespace(name: str, option: str = "--namespace") -> str:
    if not _NAMESPACE.fullmatch(name):
        raise ConfigError(f"{option} {name!r}: expected at most 63 of a-z, 0-9 and '-'", hint="kubectl get namespaces")
    return name


def check_object_name(name: str, option: str) -> str:
    if len(name) > 253 or not all(_NAMESPACE.fullmatch(part) for part in name.split(".")):
        raise ConfigError(f"{option} {name!r}: expected a name of a-z, 0-9, '-' and '.'")
    return name


def primary_service(cluster: str) -> str:
    return f"{cluster}-primary"


def replicas_service(cluster: str) -> str:
    return f"{cluster}-replicas"


def credentials_secret(cluster: str) -> str:
    """The Secret in which older releases kept everything; core/secret_map.py knows where values are now."""
    return f"{cluster}-credentials"


def tls_secret(cluster: str) -> str:
    return f"{cluster}-tls"


def config_map(cluster: str) -> str:
    return f"{cluster}-config"


def agent_config_map(cluster: str) -> str:
    return f"{cluster}-agent"


def jobs_policy(cluster: str) -> str:
    """The NetworkPolicy for a cluster's Jobs, receivers and drills."""
    return f"{cluster}-jobs"


def group_lease(cluster: str) -> str:
    return f"{cluster}-group"


def operation_lease(cluster: str) -> str:
    return f"{cluster}-operation"


def pod(cluster: str, ordinal: int) -> str:
    return f"{cluster}-{ordinal}"


def parked(cluster: str) -> str:
    """The StatefulSet that holds the future definition of another one; no cluster's name can start like this."""
    return f"0-remake-{cluster}"


def is_pod(text: str) -> bool:
    """True if a member's pod, of any cluster, may have that name."""
    return re.fullmatch(r"[a-z0-9][-a-z0-9]{0,61}-\d", text) is not None


def are_members(value: object) -> bool:
    """True of a map from members' pods to their server_uuids."""
    return isinstance(value, dict) and all(is_pod(str(pod)) and isinstance(uuid, str) for pod, uuid in value.items())


def is_moment(text: str) -> bool:
    """True of a time that instant.read reads."""
    return instant.read(text) is not None


def is_claim_template(text: str) -> bool:
    """True of a template name of members' claims, the first one or one of a restore in place."""
    return _TEMPLATES.fullmatch(text) is not None


def is_member(text: str, cluster: str) -> bool:
    """True if a member's pod of this cluster may have that name."""
    return is_pod(text) and text.rpartition("-")[0] == cluster


def pod_beside(pod_name: str, ordinal: int) -> str:
    """Another member of the same cluster."""
    return pod(pod_name.rpartition("-")[0], ordinal)


def ordinal_of(pod_name: str) -> int:
    return int(pod_name.rsplit("-", 1)[1])


def member_host(cluster: str, ordinal: int, namespace: str) -> str:
    """A member's own DNS name; without the cluster domain, so that it works with any domain."""
    return f"{pod(cluster, ordinal)}.{cluster}.{namespace}.svc"


def claim(cluster: str, ordinal: int, template: str = CLAIM_TEMPLATE) -> str:
    return f"{template}-{pod(cluster, ordinal)}"


def restored_template(now: datetime) -> str:
    """The template of the claims that a restore in place creates at that moment (UTC)."""
    return f"{CLAIM_TEMPLATE}-r{now:%Y%m%d%H%M%S}"


def selector(cluster: str) -> dict[str, str]:
    return {LABEL_NAME: APP_NAME, LABEL_INSTANCE: cluster}


def selector_text(cluster: str) -> str:
    return ",".join(f"{key}={value}" for key, value in selector(cluster).items())


def pod_of_claim(claim_name: str) -> str:
    return _TEMPLATE.sub("", claim_name)


def is_claim_of(claim_name: str, cluster: str) -> bool:
    """Judges by the name alone, with any template: a StatefulSet uses the claim whatever its labels are."""
    pod_name = pod_of_claim(claim_name)
    return pod_name != claim_name and re.fullmatch(rf"{re.escape(cluster)}-\d+", pod_name) is not None


def adopt_job(cluster: str) -> str:
    return f"{cluster}-adopt"


def backup_job(cluster: str, backup_id: str) -> str:
    """`backup_id` ends with a timestamp, which is enough to distinguish the Jobs."""
    return f"{cluster}-backup-{''.join(backup_id.rsplit('-', 2)[1:])}"


def restore_job(cluster: str) -> str:
    return f"{cluster}-restore"


def receiver(cluster: str) -> str:
    """The Deployment, Lease and ServiceAccount of the binary log receiver."""
    return f"{cluster}-binlog"


SCHEDULES = ("backup", "verify")


def schedule(cluster: str, kind: str) -> str:
    """The CronJob that makes (`backup`) or verifies (`verify`) backups."""
    return f"{cluster}-{kind}"

"""What a repository's tags say, which backups stay, which member is copied, and what a Job is made of."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mysqlops.agent.jobs import local
from mysqlops.core import backup, group, names, retention, secret_map, target, timeline, view
from mysqlops.core.spec import ClusterSpec
from mysqlops.errors import ConfigError, MysqlopsError, Refused, StorageError
from mysqlops.kube import manifests
from mysqlops.mysql import contents
from mysqlops.objects import backup as planning
from mysqlops.objects import claims, render, schedule
from mysqlops.operations import pruning, restic, targets
from mysqlops.planning import actions, backup_progress, donor
from mysqlops.planning import restore as restoring
from tests.unit.fakes.cluster import NAME, Cluster

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
TARGET = target.Target("local", "/repository", "restic/restic:0", "backups")
SPEC = ClusterSpec("orders", "db")
GROUP = "a471ad45-d50b-450d-9104-65c08b7c3c14"
NEXT = "b471ad45-d50b-450d-9104-65c08b7c3c14"


def made(number: int, at: datetime = NOW, **facts: Any) -> backup.Backup:
    name = f"{facts.get('cluster', 'orders')}-20261124-{number:06}"
    common = {
        **{"id": name, "cluster": "orders", "namespace": "db", "origin": "uid", "method": "archive"},
        **{"member": "orders-1", "role": "replica", "server_version": "9.7.4", "gtid": f"{GROUP}:1-5", "binlog": "x:4"},
        **{"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "seconds": 1.0, "size": 10, "tables": 1, "rows": 2},
        **{"checked": backup.CHECKSUM, "storage_size": "1Gi"},
    }
    return backup.Backup(**{**common, **facts})


def proven(one: backup.Backup, *, ok: bool = True) -> backup.Backup:
    return replace(one, verified=backup.Verification(one.id, one.at, ok, 3.0))


def test_a_repository_alone_tells_everything() -> None:
    one, check = made(1), backup.Verification("orders-20261124-000001", "2026-11-25T00:00:00Z", True, 3.0)
    later = backup.Verification("orders-20261124-000001", "2026-11-26T00:00:00Z", False, 3.0, "app.t is missing")
    summary = {
        "backup_start": "2026-11-24T12:00:00.123456789Z",
        "backup_end": "2026-11-24T12:00:02.123456789Z",
        "data_added_packed": 7,
    }
    snapshots: list[dict[str, Any]] = [
        {"id": "s1", "tags": backup.tags(one), "summary": summary},
        {"id": "s3", "tags": backup.tags(later)},
        {"id": "s2", "tags": backup.tags(check)},
        {"id": "s4", "tags": ["somebody-else"]},
        {"id": "s5", "tags": ["mysqlops", "facts:bm9ub25z"]},
        {"id": "s6"},
    ]
    (found,) = backup.catalogue(snapshots, "local")
    assert (found.snapshot, found.stored, found.store_seconds, found.target) == ("s1", 7, 2.0, "local")
    assert (found.level, found.verified) == (backup.FAILED, replace(later, snapshot="s3"))
    assert replace(found, snapshot="", stored=0, store_seconds=0.0, target="", verified=None) == one
    assert backup.snapshots_of(snapshots, [found]) == ["s1", "s3", "s2"]
    assert not any("," in tag for tag in backup.tags(one))  # restic parts tags at commas


def test_failed_backups_push_no_good_one_out() -> None:
    good = made(9, NOW - timedelta(hours=9))
    bad = [proven(made(n, NOW - timedelta(hours=n)), ok=False) for n in range(5)]
    gone = retention.expired([good, *bad], retention.Policy(last=1), LATER, has_key=False)
    assert {one.id for one in gone} == {one.id for one in bad}


@pytest.mark.parametrize(
    ("is_refused", "ended", "is_full", "expected"),
    [
        (True, "", False, True),  # a statement that failed, as on a table that is damaged
        (False, "1", False, True),  # a dump that cannot be loaded, a server that does not start
        (False, "134", False, True),  # aborted: a page that is damaged
        (False, "137", False, False),  # out of memory, or deleted
        (False, "143", False, False),
        (False, "", False, False),  # still running: a connection that was lost
        (True, "1", True, False),
    ],
)
def test_a_verification_that_could_not_be_done_is_a_bad_backups_only_if_the_data_is_why(
    is_refused: bool, ended: str, is_full: bool, expected: bool
) -> None:
    assert local.blames(is_refused=is_refused, ended=ended, is_full=is_full) is expected


def test_a_backup_of_another_history_replaces_none_of_this_one() -> None:
    """Restored in place, a backup made, then reverted: the older backup is of what is in use again."""
    old = [made(n, NOW + timedelta(hours=n), gtid=f"{GROUP}:1-{n}", group=GROUP) for n in (1, 2)]
    new = made(3, NOW + timedelta(hours=3), gtid=f"{GROUP}:1-1,{NEXT}:1-5", group=NEXT)
    there = [*old, proven(new)]
    assert retention.expired(there, retention.Policy(last=1), LATER, has_key=False) == old[:1]
    assert retention.kept(there, retention.Policy()) == {
        "orders-20261124-000002": ["newest"],
        "orders-20261124-000003": ["newest", "last restored"],
    }
    other = replace(new, id="other", origin="other")
    assert retention.expired([*there, other], retention.Policy(last=1), LATER, has_key=False) == old[:1]


def test_the_last_backup_of_a_history_may_be_deleted_when_the_cluster_cannot_go_back_to_it() -> None:
    old, new = made(1, group=GROUP), made(2, NOW + timedelta(hours=1), gtid=f"{GROUP}:1-5,{NEXT}:1", group=NEXT)
    assert retention.irreplaceable(old, [old, new], {NEXT, GROUP}) == ["newest"]
    assert retention.irreplaceable(old, [old, new], {NEXT}) == []
    assert retention.irreplaceable(old, [old, new], set()) == ["newest"]  # the cluster is gone: nobody knows
    assert retention.irreplaceable(old, [old], {NEXT}) == ["newest"]
    assert retention.irreplaceable(old, [old, proven(new, ok=False)], {NEXT}) == ["newest"]
    assert retention.irreplaceable(proven(old), [proven(old), new], {NEXT}) == ["newest", "last restored"]


def test_a_cluster_can_go_back_to_the_history_before_a_restore_in_place() -> None:
    cluster = Cluster(1)
    session = cluster.session()
    lease = session.client.get("Lease", names.group_lease(NAME))
    note = {names.ANNOTATION_GROUP: group.dump(group.Note(name=NEXT))}
    session.client.patch("Lease", names.group_lease(NAME), {"metadata": {"annotations": note}})
    one = made(1, cluster=NAME, origin=lease["metadata"]["uid"])
    assert pruning.histories(session, one) == {NEXT}
    history = timeline.History(timeline.Timeline("data-r20260101000000", NEXT), timeline.Timeline("data", GROUP))
    note = {names.ANNOTATION_CLAIMS: timeline.dump(history)}
    session.client.patch("Lease", names.group_lease(NAME), {"metadata": {"annotations": note}})
    assert pruning.histories(session, one) == {NEXT, GROUP}
    assert pruning.histories(session, replace(one, origin="another cluster of that name")) == set()
    assert pruning.histories(session, replace(one, cluster="gone")) == set()
    past = group.Note(name=GROUP, joins="1")
    copied = note | {names.ANNOTATION_GROUP: group.dump(group.Note(name=NEXT, parent=GROUP, joins="2"))}
    secret = secret_map.secret(NAME, secret_map.INTERNAL)
    session.client.patch("Secret", secret, {"metadata": {"annotations": copied}})
    lost = {names.ANNOTATION_GROUP: group.dump(past), names.ANNOTATION_CLAIMS: None}
    session.client.patch("Lease", names.group_lease(NAME), {"metadata": {"annotations": lost}})
    assert pruning.histories(session, one) == {NEXT, GROUP}, "a Lease from the past has forgotten the other"


@pytest.mark.parametrize(
    ("wanted", "last", "chosen"),
    [("", "", "orders-2"), ("", "orders-1", "orders-1"), ("", "orders-3", "orders-2"), ("orders-0", "", "orders-0")],
)
def test_the_least_busy_replica_is_copied_and_among_equals_the_one_of_last_time(
    wanted: str, last: str, chosen: str
) -> None:
    members = [
        view.GroupMember("a", "orders-0.x", view.ONLINE, "primary"),
        view.GroupMember("b", "orders-1.x", view.ONLINE, "replica", 50),
        view.GroupMember("c", "orders-2.x", view.ONLINE, "replica", 3),
        view.GroupMember("d", "orders-3.x", view.ONLINE, "replica", 5000),
        view.GroupMember("e", "orders-4.x", view.RECOVERING, "replica"),
    ]
    assert donor.choose(members, wanted, last).pod == chosen
    assert donor.choose(members[:1], "", "").pod == "orders-0"
    with pytest.raises(Refused, match="orders-4: not ONLINE"):
        donor.choose(members, "orders-4", "")


@pytest.mark.parametrize("steps", [planning.CREATE, (*planning.CREATE, *planning.PRUNE), planning.VERIFY])
def test_a_job_has_its_steps_in_order_and_no_secret(steps: tuple[planning.Step, ...]) -> None:
    source = planning.Source(SPEC, "orders-config", "orders-agent")
    job = planning.job(restic.templates(), "orders-backup", TARGET, steps, source, BACKUP_ID="x")
    pod = job["spec"]["template"]["spec"]
    assert [one["name"] for one in (*pod["initContainers"], *pod["containers"])] == [step.name for step in steps]
    sidecars = [one["name"] for one in pod["initContainers"] if one.get("restartPolicy") == "Always"]
    assert sidecars == ["mysqld"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {mount["name"] for one in (*pod["initContainers"], *pod["containers"]) for mount in one["volumeMounts"]}
    assert mounts <= set(volumes)
    assert volumes["repository"]["persistentVolumeClaim"]["claimName"] == "backups"
    assert volumes["login"]["secret"]["secretName"] == "orders-internal"
    assert job["metadata"]["labels"]["app.kubernetes.io/instance"] == "orders"


def test_a_container_sees_exactly_what_it_is_given() -> None:
    """Kubernetes would make `$$` one dollar, and `$(…)` the value of another variable."""
    steps = planning.one_command("ls", "$(RESTIC_PASSWORD)")
    job = planning.job(restic.templates(), "x", TARGET, steps, planning.Source(), SPEC="init_connect = $(ORIGIN) $$")
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][-1] == "$$(RESTIC_PASSWORD)"
    assert {one["name"]: one["value"] for one in container["env"]}["SPEC"] == "init_connect = $$(ORIGIN) $$$$"


def test_a_command_of_restic_needs_no_cluster() -> None:
    job = planning.job(restic.templates(), "x", TARGET, planning.one_command("snapshots"), planning.Source())
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][-2:] == ["run", "snapshots"]
    assert "mysql-" not in str(job["spec"]["template"]["spec"]["volumes"])
    assert manifests.read_text("backup/restic.sh").startswith("#!/bin/sh")


def test_progress_names_every_step_in_words() -> None:
    made = [found if isinstance(found, tuple) else (found,) for found in vars(planning).values()]
    steps = {one.name for several in made for one in several if isinstance(one, planning.Step)}
    assert len(steps) > 20
    beside = {"mysqld", "applier"}  # a server runs beside the other steps
    assert {one for one in steps - beside if one not in backup_progress._DOING} == set()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "storing"),
        ("words", "storing: words"),
        ('{"message_type":"summary"}', "storing"),
        (
            '{"bytes_done":1048576,"total_bytes":3145728,"seconds_elapsed":1}',
            "storing: 1.0MiB of 3.0MiB, 1.0MiB/s, 2 s to go",
        ),
        ('{"of":"orders-1","seconds":3}', "storing"),
        ('[{"time":"2026-11-27T19:59:40Z","tags":["facts:eyJ"]}]', "storing"),
        ("x" * 1000, f"storing: {'x' * 160}"),
        ('{"total_bytes":"many"}', "storing"),
        ('{"total_bytes":1048576,"bytes_done":NaN}', "storing"),
        ('{"total_bytes":2,"bytes_done":1,"seconds_elapsed":1e-300}', "storing: 1B of 2B"),
    ],
)
def test_progress_has_bytes_rate_and_time_left(line: str, told: str) -> None:
    assert backup_progress.progress("store", line) == told


def test_only_a_whole_proof_says_that_the_point_was_reached() -> None:
    last = {"gtid": "a:3", "committed": "2026-01-01T00:00:00Z"}
    found = {"to": "latest", "transactions": 3, "last": last, "stopped_before": None}
    assert backup_progress.proof(json.dumps(found)) == found
    assert backup_progress.reached(found).startswith("recovered to latest by applying 3 transactions, the last a:3")
    for other in (
        "",
        "null",
        "words",
        "{}",
        json.dumps({**found, "last": 3}),
        json.dumps({**found, "transactions": "3"}),
    ):
        assert backup_progress.proof(other) is None


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        (("http://s3/b", None, None), "s3:http://s3/b"),
        ((None, "c", None), "/repository"),
        ((None, None, "gs:b:/"), "gs:b:/"),
        ((None, None, "sftp:user@host:/srv/x"), "sftp:user@host:/srv/x"),
        ((None, None, "rest:https://host:8000/a@b"), "rest:https://host:8000/a@b"),
    ],
)
def test_a_target_is_one_of_three(given_: tuple[str | None, str | None, str | None], where: str) -> None:
    assert target.repository_of(*given_) == where


@pytest.mark.parametrize(
    "wrong",
    [(None, None, None), ("http://s3/b", "c", None), ("s3/b", None, None), (None, None, "rest:http://u:p@host/")]
    + [
        (None, None, where)
        for where in (
            *(
                "rest:https://TOKEN@host/x",
                "rest:https://u:p@host:8000/",
                "s3:https://k@host/b",
                "s3:HTTPS://k@host/b",
                "REST:HTTPS://TOKEN@host/x",
                "rest:https://a:b@c@d/",
            ),
            *("sftp:u:p@host:/x", "sftp://u:p@host/x", "s3:https://host/b\x1b[2J", "gs:b:/ x", "swift:c@x:/"),
        )
    ],
)
def test_a_wrong_target_is_refused(wrong: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(ConfigError):
        target.repository_of(*wrong)


@pytest.mark.parametrize("where", ["s3:http://s3/b", "rest:http://host/", "rest:HTTP://host/"])
def test_a_server_without_tls_is_refused_unless_it_is_wanted(where: str) -> None:
    with pytest.raises(ConfigError, match="without TLS"):
        target.check_transport(where, accepted=False)
    target.check_transport(where, accepted=True)
    for fine in ("s3:https://s3/b", "rest:https://host/", "/repository", "gs:b:/", "sftp:u@h:/x"):
        target.check_transport(fine, accepted=False)


@pytest.mark.parametrize(
    ("failure", "password", "stays"),
    [
        (StorageError("init: unable to open config file: connection refused"), None, False),
        (StorageError("write: connection reset"), None, True),  # the repository was made with this password
        (StorageError("target far (…): no answer"), None, True),
        (StorageError("target far (…): no answer"), "own", False),
    ],
)
def test_a_target_that_could_not_be_added_is_none(
    failure: StorageError, password: str | None, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(1)
    session = cluster.session()
    session.client.create("Secret", {"metadata": {"name": "own"}, "data": {"password": "eA=="}})
    request = targets.Request(target.Target("far", "s3:https://s3/b", "restic"), None, password)

    def fail(*_: Any) -> str:
        assert targets.everything(session.client) == []
        raise failure

    monkeypatch.setattr(restic, "steps", fail)
    for _ in range(2):  # the second run goes on, with the password of the first
        with pytest.raises(StorageError):
            targets.add(session, request)
        assert (("Secret", "backup-target-far") in cluster.store.objects) == stays
        with pytest.raises(Refused, match="no target for backups"):
            targets.find(session.client, None)
    monkeypatch.setattr(restic, "steps", lambda *_: "made")
    assert targets.add(session, request)
    assert targets.find(session.client, None).name == "far"
    monkeypatch.setattr(restic, "steps", fail_later)
    with pytest.raises(StorageError):
        targets.add(session, request)
    assert targets.find(session.client, None).name == "far"


def fail_later(*_: Any) -> str:
    raise StorageError("init: away")


def test_keys_of_s3_are_in_a_file_and_not_in_an_environment() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key\n", "AWS_DEFAULT_REGION": "eu"}
    secret = target.make_secret(TARGET, "password", keys)
    assert secret["stringData"].keys() == {"repository", "password", "aws-credentials", "AWS_DEFAULT_REGION"}
    assert "aws_secret_access_key = key\n" in secret["stringData"]["aws-credentials"]
    assert target.of_secret(secret) == TARGET


@pytest.mark.parametrize("key", ["password", "RESTIC_PASSWORD_COMMAND", "PATH", "LD_PRELOAD", "AWS_CONFIG_FILE"])
def test_credentials_are_restic_s_variables_for_credentials_alone(key: str) -> None:
    """Whoever fills that Secret would decide what the Job of a backup executes."""
    with pytest.raises(ConfigError, match=f"'{key}' is not one of restic's variables"):
        target.check_credentials({"AWS_ACCESS_KEY_ID": "x", key: "hush"}, "s3")
    target.check_credentials({"AZURE_ACCOUNT_KEY": "x", "ca.crt": "-----\n"}, "azure")


def test_a_key_of_s3_is_no_line_of_its_own() -> None:
    token = "x\ncredential_process = sh -c id"
    with pytest.raises(ConfigError, match="the value of AWS_SESSION_TOKEN has control characters"):
        target.check_credentials({"AWS_SESSION_TOKEN": token}, "s3")
    target.check_credentials({"AWS_SECRET_ACCESS_KEY": "key\n"}, "s3")


def test_the_script_exports_what_a_target_may_hold_and_nothing_else() -> None:
    script = manifests.read_text("backup/restic.sh")
    pattern = script.partition("case $key in")[2].partition(")")[0]
    assert set(re.findall(r"[A-Z]\w+", pattern)) == target.CREDENTIALS
    assert "*" not in pattern


def _cron_job(request: schedule.Request, kind: str, **status: Any) -> dict[str, Any]:
    source = planning.Source(SPEC, "orders-config", "orders-agent")
    job = planning.job(restic.templates(), "orders-backup", TARGET, planning.CREATE, source)
    found = schedule.cron_job(job, kind, request)
    found["metadata"]["creationTimestamp"] = "2026-11-20T00:00:00Z"
    return {**found, "status": status}


def test_a_schedule_counts_what_failed_and_says_when_it_is_too_long() -> None:
    request = schedule.Request("0 3 * * *", "0 5 * * 0", "local", max_age=172800, verify_max_age=604800)
    never = schedule.judge(_cron_job(request, "backup"), NOW)
    assert (never.failures, never.is_overdue, never.last_success) == (0, True, None)
    status = {"lastSuccessfulTime": "2026-11-22T03:01:00Z", "lastScheduleTime": "2026-11-24T03:00:00Z"}
    late = schedule.judge(_cron_job(request, "backup", **status), NOW)
    assert (late.failures, late.is_overdue, late.next) == (2, True, "2026-11-25T03:00:00Z")
    running = schedule.judge(_cron_job(request, "backup", **status, active=[{}]), NOW)
    assert (running.failures, running.running) == (1, True)
    fine = schedule.judge(_cron_job(request, "verify", lastSuccessfulTime="2026-11-22T05:09:00Z"), NOW)
    assert (fine.cron, fine.is_overdue) == ("0 5 * * 0", False)
    assert schedule.judge(_cron_job(request, "backup", lastSuccessfulTime="2026-12-22T05:09:00Z"), NOW).is_overdue
    with pytest.raises(ConfigError, match="--cron '61"):
        schedule.check_cron("--cron", "61 * * * *", NOW)


def test_what_a_restored_server_lacks_is_told() -> None:
    before = contents.Contents({"a.t": contents.Table(1, 2), "a.u": contents.Table(1, 2)}, {}, {"view a.v": "x"})
    after = contents.Contents({"a.t": contents.Table(1, 3), "a.w": contents.Table(0, 0)}, {}, {"view a.v": "y"})
    assert contents.differences(before, after) == [
        "a.u is missing",
        "a.w is new",
        "a.t: 1 rows, checksum 3 instead of 1 rows, checksum 2",
        "view a.v: y instead of x",
    ]
    assert contents.load(before.as_json()) == before


# Restore in place
OLD, NEW = timeline.Timeline("data", "group-a"), timeline.Timeline("data-r20261124120000", "group-b")
SWAP = timeline.Swap(OLD, NEW, 3, "orders-1")


def _stateful_set() -> dict[str, Any]:
    agent = render.Agent(b"x", "1")
    made: dict[str, Any] = render.cluster_objects(manifests.load_base(), SPEC, agent)[-1]
    made["metadata"]["uid"] = "u"
    return made


def _after(seen: restoring.Seen, action: restoring.Action) -> restoring.Seen:
    """What the cluster is once the action is done; pods stop one look later."""
    match action:
        case restoring.Fill():
            return replace(seen, is_filled=True)
        case restoring.Scale(replicas):
            spec = {**seen.stateful_set["spec"], "replicas": replicas}
            return replace(seen, stateful_set={**seen.stateful_set, "spec": spec})
        case restoring.NameGroup(now):
            assert not seen.pods, "a member that runs would start with a group that is not its data's"
            return replace(seen, group=now.group)
        case restoring.Remake(swap):
            assert not seen.pods, "a member that runs would keep a claim of before"
            made = restoring.remade(seen.stateful_set, swap)
            return replace(seen, stateful_set=made, pods=("orders-0", "orders-1", "orders-2"))
        case _:
            return replace(seen, pods=())


def _walk(seen: restoring.Seen, swap: timeline.Swap, limit: int = 20) -> list[restoring.Seen]:
    """All that is seen until nothing is left to do."""
    walked = [seen]
    while not isinstance(action := restoring.plan(walked[-1], swap), actions.Done):
        assert len(walked) < limit, action
        walked.append(_after(walked[-1], action))
    return walked


def _is(seen: restoring.Seen, line: timeline.Timeline) -> bool:
    return (claims.template_of(seen.stateful_set), seen.group, seen.stateful_set["spec"]["replicas"]) == (
        line.claims,
        line.group,
        3,
    )


def test_a_restore_in_place_arrives_and_goes_back_from_wherever_it_is_cut() -> None:
    seen = restoring.Seen(_stateful_set(), ("orders-0", "orders-1", "orders-2"), "group-a", is_filled=False)
    assert restoring.plan(seen, SWAP) == restoring.Fill("data-r20261124120000-orders-0")
    walked = _walk(seen, SWAP)
    assert _is(walked[-1], NEW)
    for cut in walked:
        assert _is(_walk(cut, SWAP)[-1], NEW)
        back = timeline.Swap(NEW, OLD, 3, abandons=True)
        assert _is(_walk(replace(cut, is_filled=True), back)[-1], OLD)


def test_a_group_that_recover_renamed_on_the_new_claims_keeps_its_name() -> None:
    """Under the name of before, the same GTIDs would stand for other transactions."""
    seen = restoring.Seen(restoring.remade(_stateful_set(), SWAP), ("orders-0",), "group-c", is_filled=True)
    assert restoring.plan(seen, SWAP) == actions.Done()


def test_a_restore_is_not_done_while_a_member_runs_on_the_previous_claims() -> None:
    """A StatefulSet adopts the pods that it finds, with the claims that they mount."""
    seen = restoring.Seen(restoring.remade(_stateful_set(), SWAP), ("orders-0",), "group-b", is_filled=True)
    adopted = replace(seen, astray=("orders-0",))
    action = restoring.plan(adopted, SWAP)
    assert isinstance(action, restoring.Astray)
    assert "orders-0" in action.why
    assert isinstance(restoring.plan(replace(adopted, going=("orders-0",)), SWAP), actions.Wait)
    back = timeline.Swap(NEW, OLD, 3, abandons=True)
    assert restoring.plan(adopted, back) == restoring.Scale(0)


def test_members_run_until_the_backup_is_proven() -> None:
    seen = restoring.Seen(_stateful_set(), ("orders-0",), "group-a", is_filled=False)
    for cut in _walk(seen, SWAP):
        if not cut.is_filled:
            assert cut.stateful_set["spec"]["replicas"] == 3


def test_new_claims_are_mounted_wherever_the_old_ones_were() -> None:
    anew = restoring.remade(_stateful_set(), SWAP)
    pod = anew["spec"]["template"]["spec"]
    mounts = [one for container in (*pod["initContainers"], *pod["containers"]) for one in container["volumeMounts"]]
    paths = {one["mountPath"]: one["name"] for one in mounts if one["name"].startswith("data")}
    assert paths == {"/var/lib/mysql": "data-r20261124120000"}
    assert "uid" not in anew["metadata"]
    assert render.in_use_of(anew).claims == NEW.claims
    claim = restoring.first_claim(_stateful_set(), "data-r20261124120000-orders-0", made(1), "")
    assert claim["metadata"]["name"] == "data-r20261124120000-orders-0"
    assert claim["metadata"]["labels"]["app.kubernetes.io/instance"] == "orders"
    assert claim["metadata"]["annotations"] == {"mysqlops.io/restored-from": made(1).id}
    assert "dataSource" not in claim["spec"]
    of_snapshot = restoring.first_claim(_stateful_set(), "c", made(1, volume_snapshot="orders-1"), "")
    assert of_snapshot["spec"]["dataSource"]["name"] == "orders-1"
    there, back = (
        " ".join(one.why for one in restoring.steps("orders", swap)) for swap in (SWAP, replace(SWAP, backup=""))
    )
    assert "orders-1, started and compared" in there
    assert "previous group again" in back


def test_the_record_of_a_restore_is_read_as_it_was_written() -> None:
    history = timeline.History(NEW, OLD, "orders-1", "2026-11-24T12:00:00Z")
    lease = {"mysqlops.io/restoring": timeline.dump(SWAP), "mysqlops.io/claims": timeline.dump(history)}
    assert (timeline.swap_of(lease), timeline.history_of(lease)) == (SWAP, history)
    for text in ("", "nonsense", "[]", '{"old": 1}'):
        broken = {"mysqlops.io/restoring": text, "mysqlops.io/claims": text}
        assert (timeline.swap_of(broken), timeline.history_of(broken)) == (None, None)
    assert SWAP.command("orders") == "orders-1 --in-place orders"
    assert replace(SWAP, backup="").command("orders") == "--revert orders"


def test_claims_are_known_by_their_names_whatever_their_template() -> None:
    made = [names.claim("mysql", 1), names.claim("mysql", 2, names.restored_template(NOW))]
    assert made == ["data-mysql-1", "data-r20261124120000-mysql-2"]
    assert [names.pod_of_claim(one) for one in made] == ["mysql-1", "mysql-2"]
    assert all(names.is_claim_of(one, "mysql") for one in made)
    assert not any(
        names.is_claim_of(one, "mysql") for one in ("mysql-1", "data-mysql-x-1", "data-x-mysql-1", "data-mysql-")
    )


def test_on_a_newer_server_rows_and_names_must_be_the_same_and_rights_may_have_grown() -> None:
    recorded = contents.Contents({"app.t": contents.Table(5, 17)}, {"user": contents.Table(9, 3)}, {"view app.v": "aa"})
    newer = contents.Contents({"app.t": contents.Table(5, 99)}, {"user": contents.Table(11, 4)}, {"view app.v": "bb"})
    assert contents.differences(recorded, newer)
    one, other = contents.of_whatever_version(recorded), contents.of_whatever_version(newer)
    assert contents.differences(one, other) == []
    fewer = contents.of_whatever_version(contents.Contents({"app.t": contents.Table(4, 17)}, {}, {}))
    assert contents.differences(one, fewer) == [
        "app.t: 4 rows, checksum None instead of 5 rows, checksum None",
        "view app.v is missing",
    ]


@pytest.mark.parametrize(("copied", "stored"), [("", ""), ("{}", "null"), ("{}", '{"snapshot_id": "a"}')])
def test_a_jobs_log_that_cannot_be_read_is_an_error_with_a_name(copied: str, stored: str) -> None:
    with pytest.raises(MysqlopsError):
        backup.of_steps(copied, stored)

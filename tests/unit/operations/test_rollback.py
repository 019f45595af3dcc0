"""Rollouts that fail, and volumes that are replaced: no claim goes that holds what nobody else is seen to hold
(S3)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.core import names, rollout
from mysqlops.operations import direction, followers, observe, proof, secret_move, storage, upgrade
from mysqlops.operations import rollout as rolling
from tests.unit.fakes.api import Killed
from tests.unit.fakes.cluster import CRASHED, GROUP, NAME, ONLINE, REFUSED, Cluster

OTHER = "22222222-2222-2222-2222-222222222222"
SINCE = "2026-01-01T00:00:00Z"
LIMITS = rolling.Limits(60)
OUT = {"state": "OFFLINE", "role": "none", "server_version": "9.7.4", "server_uuid": "uuid", "online": 0}


def _upgrade(cluster: Cluster) -> None:
    """Put the template of another version in."""
    stateful_set = copy.deepcopy(cluster.stateful_set())
    record = rollout.Rollout("image", SINCE, copy.deepcopy(stateful_set["spec"]["template"]), "9.7.4", "9.7.5")
    stateful_set["spec"]["template"]["spec"]["containers"][0]["image"] = "mysql:9.7.5"
    rolling.begin(cluster.session(), [], record, stateful_set)


def _crash_when_new(cluster: Cluster, *, changes_data: bool = True) -> None:
    """A pod of the newer version crashes; its agent never saw a server. If it has changed the data before, the old
    version crashes on it too. One that began empty copies and serves."""
    changed: set[str] = set()

    def on_pod(name: str) -> None:
        pod = cluster.pod(name)
        claim = cluster.claim(name)
        uid = claim["metadata"]["uid"] if claim else ""
        is_new = cluster.stateful_set()["spec"]["template"]["spec"]["containers"][0]["image"] == "mysql:9.7.5"
        first = pod["metadata"].setdefault("annotations", {}).setdefault("image", "9.7.5" if is_new else "9.7.4")
        if first == "9.7.5" and changes_data:
            changed.add(uid)
        if first == "9.7.5" or uid in changed:
            pod["metadata"]["annotations"].pop(names.ANNOTATION_MEMBER, None)
            mysqld = CRASHED if first == "9.7.5" else REFUSED
            cluster.facts[name] = {"silent": True, "role": "none", "state": "", "mysqld": mysqld}
        elif cluster.facts[name]["state"] != "ONLINE":
            leads = {"role": "primary"} if len(cluster.facts) == 1 else {"role": "replica"}
            cluster.facts[name] = {**ONLINE, **leads, "online": len(cluster.facts)}
            cluster.write(name, cluster.held(name) or f"{GROUP}:1-5")

    cluster.on_pod = on_pod
    cluster.settle()
    cluster.store.put({"kind": "ConfigMap", "metadata": {"name": names.agent_config_map(NAME)}})


@pytest.fixture(autouse=True)
def _no_followers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "refresh", lambda *_: None)
    monkeypatch.setattr(rolling, "_close", lambda *_: None)


def test_the_only_member_goes_back_on_its_data_if_its_new_version_cannot_start() -> None:
    cluster = Cluster(1, m0=f"{GROUP}:1-5000")
    _crash_when_new(cluster, changes_data=False)
    _upgrade(cluster)
    with pytest.raises(rolling.RolledBack, match="mysql-0 replaced by the previous version"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert (cluster.store.deleted("PersistentVolumeClaim"), cluster.held("mysql-0")) == ([], f"{GROUP}:1-5000")


def test_the_only_member_stays_as_it_is_while_its_new_server_runs() -> None:
    """It may be upgrading the data."""
    cluster = Cluster(1, m0=f"{GROUP}:1-5000")
    cluster.on_pod = lambda name: cluster.facts.update({name: {"silent": True, "role": "none", "state": ""}})
    cluster.store.put({"kind": "ConfigMap", "metadata": {"name": names.agent_config_map(NAME)}})
    _upgrade(cluster)
    cluster.store.objects["Pod", "mysql-0"]["metadata"]["annotations"] = {}
    cluster.store.objects["Pod", "mysql-0"]["metadata"]["labels"]["controller-revision-hash"] = cluster.stateful_set()[
        "status"
    ]["updateRevision"]
    with pytest.raises(errors.StepFailed, match="whose server runs and may be upgrading the data") as error:
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert "--rollback" in str(error.value.hint)
    assert cluster.store.deleted("Pod") == []


def test_data_that_the_newer_version_changed_goes_forward_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The older one refuses the only copy, and nothing is deleted: the newer one, its cause fixed, opens it."""
    cluster = Cluster(1, m0=f"{GROUP}:1-5000")
    monkeypatch.setattr(observe, "must_run", lambda *_: type("Running", (), {"stateful_set": cluster.stateful_set()}))
    monkeypatch.setattr(secret_move, "split", lambda *_: None)
    _crash_when_new(cluster)
    _upgrade(cluster)
    with pytest.raises(errors.StepFailed, match="also with the previous template; its data was kept") as error:
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert "mysqlops upgrade mysql --forward" in str(error.value.hint)

    def on_pod(name: str) -> None:  # the cause is fixed; the older version still refuses the data
        is_new = cluster.pod(name)["metadata"]["annotations"].setdefault("image", _image(cluster)) == "mysql:9.7.5"
        crashed = {"silent": True, "role": "none", "state": "", "mysqld": CRASHED}
        cluster.facts[name] = {**ONLINE, "role": "primary", "online": 1} if is_new else crashed

    cluster.on_pod = on_pod
    assert upgrade.go_forward(cluster.session(), NAME, LIMITS) == ["mysql-0"]
    assert (cluster.lost, cluster.held("mysql-0"), _image(cluster)) == ({}, f"{GROUP}:1-5000", "mysql:9.7.5")
    record = rollout.read(cluster.stateful_set())
    assert record is not None
    assert (record.failure, record.after) == ("", {})


def test_a_rollout_that_an_older_release_took_back_does_not_go_forward() -> None:
    record = rollout.Rollout("image", SINCE, {}, "9.7.4", "9.7.5", "it failed")
    with pytest.raises(errors.Refused) as error:
        direction.turn_forward(Cluster(1).session(), NAME, record)
    assert [one.code for one in error.value.reasons] == ["no-way-forward"]


def _image(cluster: Cluster) -> str:
    return str(cluster.stateful_set()["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_failed_canary_goes_back_with_its_data_if_the_old_version_takes_it() -> None:
    cluster = Cluster(3)
    _crash_when_new(cluster, changes_data=False)
    _upgrade(cluster)
    with pytest.raises(rolling.RolledBack, match="mysql-2 replaced by the previous version"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert (cluster.lost, cluster.held("mysql-2")) == ({}, f"{GROUP}:1-5")


def test_a_failed_canary_goes_back_while_nobody_leads() -> None:
    """An outage beside it: the group waits for what the canary holds, so nothing but the old version leads out."""
    cluster = Cluster(3)
    _crash_when_new(cluster, changes_data=False)
    crash = cluster.on_pod

    def on_pod(name: str) -> None:
        crash(name)
        up = cluster.facts["mysql-2"]["state"] == "ONLINE"
        for one in ("mysql-0", "mysql-1"):
            leads = "primary" if one == "mysql-0" else "replica"
            cluster.facts[one] = {**ONLINE, "role": leads, "online": 3} if up else dict(OUT)

    cluster.on_pod = on_pod
    _upgrade(cluster)
    with pytest.raises(rolling.RolledBack, match="mysql-2 replaced by the previous version"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert cluster.lost == {}


def test_a_failed_canary_begins_empty_if_the_old_version_refuses_its_data_while_a_majority_holds_what_it_held() -> None:
    cluster = Cluster(3)
    _crash_when_new(cluster)
    _upgrade(cluster)
    with pytest.raises(rolling.RolledBack, match="mysql-2 replaced by the previous version"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert cluster.lost == {"data-mysql-2": f"{GROUP}:1-5"}


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        ({"silent": True, "mysqld": {"state": {"waiting": {"reason": "ImagePullBackOff"}}}}, "ImagePullBackOff"),
        ({"silent": True, "mysqld": {"state": {"waiting": {"reason": "CreateContainerConfigError"}}}}, "ConfigError"),
        ({"silent": True, "mysqld": CRASHED}, "CrashLoopBackOff"),
        ({"state": "RECOVERING", "online": 2}, "not back in the group after"),
    ],
)
def test_a_canary_that_fails_on_the_way_back_for_another_reason_keeps_its_claim(fails: Any, told: str) -> None:
    cluster = Cluster(3)
    _crash_when_new(cluster, changes_data=False)
    crash = cluster.on_pod

    def on_pod(name: str) -> None:
        crash(name)
        if name == "mysql-2" and cluster.pod(name)["metadata"]["annotations"]["image"] == "9.7.4" and goes_back():
            cluster.pod(name)["metadata"]["annotations"].pop(names.ANNOTATION_MEMBER, None)
            cluster.facts[name] = {"role": "none", "state": "", **fails}

    def goes_back() -> bool:
        return rollout.goes_back(rollout.read(cluster.stateful_set()))

    cluster.on_pod = on_pod
    _upgrade(cluster)
    uid = cluster.data_uid("mysql-2")
    with pytest.raises(errors.StepFailed, match=f"{told}.*also with the previous template; its data was kept"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert (cluster.lost, cluster.data_uid("mysql-2")) == ({}, uid)


def test_a_canary_that_began_empty_and_fails_again_is_not_said_to_have_kept_its_data() -> None:
    cluster = Cluster(3)
    _crash_when_new(cluster)
    crash = cluster.on_pod

    def on_pod(name: str) -> None:
        crash(name)
        if cluster.lost and name == "mysql-2":
            cluster.facts["mysql-2"] = {"silent": True, "role": "none", "state": "", "mysqld": CRASHED}
            cluster.pod("mysql-2")["metadata"]["annotations"].pop(names.ANNOTATION_MEMBER, None)

    cluster.on_pod = on_pod
    _upgrade(cluster)
    with pytest.raises(errors.StepFailed, match="it began empty, because the previous version refused its data"):
        rolling.finish(cluster.session(), NAME, LIMITS)


def test_a_failed_canary_keeps_its_claim_if_only_it_holds_something() -> None:
    cluster = Cluster(3, m2=f"{GROUP}:1-7")
    _crash_when_new(cluster)
    _upgrade(cluster)
    with pytest.raises(errors.StepFailed, match=f"claim data-mysql-2 is kept: only mysql-2 .* holds {GROUP}:6-7"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert cluster.lost == {}


def test_the_note_of_another_rollout_is_no_licence() -> None:
    cluster = Cluster(3)
    _crash_when_new(cluster)
    _upgrade(cluster)
    claim = cluster.claim("mysql-2")
    assert claim is not None
    cluster.store.kill_after = lambda text: "mysqlops.io/replaced" in text
    with pytest.raises(BaseException, match="replaced"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    note = claim["metadata"]["annotations"] or cluster.claim("mysql-2")["metadata"]["annotations"]  # type: ignore[index]
    record = rollout.read(cluster.stateful_set())
    assert record is not None
    assert rollout.read_replaced({"metadata": {"annotations": note}}, record, GROUP) == f"{GROUP}:1-5"
    other = rollout.Rollout(**{**vars(record), "since": "2026-02-02T00:00:00Z"})
    assert rollout.read_replaced({"metadata": {"annotations": note}}, other, GROUP) is None
    assert rollout.read_replaced({"metadata": {"annotations": note}}, record, OTHER) is None
    odd = {key: text.replace(f"{GROUP}:1-5", "anything") for key, text in note.items()}  # an operator may write it
    assert rollout.read_replaced({"metadata": {"annotations": odd}}, record, GROUP) is None


def _canary_that_served(cluster: Cluster) -> rollout.Rollout:
    """The canary came up with the newer version, acknowledged more than was noted of it, and died."""
    _upgrade(cluster)
    cluster.store.kill_after = lambda text: text.startswith("DELETE Pod mysql-2")
    with pytest.raises(Killed):
        rolling.finish(cluster.session(), NAME, LIMITS)
    cluster.store.kill_after = lambda _: False
    cluster.write("mysql-2", f"{GROUP}:1-20")
    record = rollout.read(cluster.stateful_set())
    assert record is not None
    return rollout.Rollout(**{**vars(record), "failure": "requested by --rollback"})


def _dies(cluster: Cluster, held: str) -> None:
    cluster.facts["mysql-2"] = {"state": "DOWN", "role": "none", "executed": "", "held": held, "mysqld": REFUSED}
    for pod in ("mysql-0", "mysql-1"):
        cluster.facts[pod]["online"] = 2
    cluster.settle()


def test_the_note_of_a_canary_ends_with_the_history_s_name() -> None:
    """The group went on without it (recover --accept-loss): what only it acknowledged is nowhere else."""
    cluster = Cluster(3)
    record = _canary_that_served(cluster)
    _dies(cluster, "")
    cluster.rename(OTHER)
    direction.turn_back(cluster.session(), NAME, record)
    with pytest.raises(errors.StepFailed, match=r"claim data-mysql-2 is kept: what mysql-2 holds .* is not known"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert cluster.lost == {}


def test_what_a_canary_s_agent_said_last_counts_beside_the_note() -> None:
    cluster = Cluster(3)
    record = _canary_that_served(cluster)
    _dies(cluster, f"{GROUP}:1-20")
    cluster.silence("mysql-2")
    cluster.clock.sleep(3600)
    direction.turn_back(cluster.session(), NAME, record)
    with pytest.raises(errors.StepFailed, match=f"claim data-mysql-2 is kept: only mysql-2 .* holds {GROUP}:6-20"):
        rolling.finish(cluster.session(), NAME, LIMITS)
    assert cluster.lost == {}


def test_a_rollback_without_a_primary_that_holds_everything_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old member died, a new one led and took writes, then the power failed: the new ones hold what counts."""
    cluster = Cluster(3, m0=f"{GROUP}:1-5000", m1=f"{GROUP}:1-9000", m2=f"{GROUP}:1-9000")
    _upgrade(cluster)
    for pod in ("mysql-1", "mysql-2"):
        cluster.pod(pod)["metadata"]["labels"]["controller-revision-hash"] = cluster.stateful_set()["status"][
            "updateRevision"
        ]
        waits = {"state": "OFFLINE", "role": "none", "waiting_for": "what mysql-0 holds is not known"}
        cluster.facts[pod] = {**ONLINE, **waits, "server_version": "9.7.5"}
    cluster.silence("mysql-0")
    cluster.pod("mysql-0")["metadata"]["annotations"] = {}
    monkeypatch.setattr(observe, "must_run", lambda *_: type("R", (), {"stateful_set": cluster.stateful_set()}))
    with pytest.raises(errors.Refused, match="no primary is seen that holds all their data: mysql-0 is UNKNOWN"):
        upgrade.roll_back(cluster.session(), NAME, LIMITS)
    assert (cluster.lost, cluster.store.deleted("Pod")) == ({}, [])


def test_members_whose_agents_are_silent_for_a_while_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server was away for a minute: all three serve on, and their agents speak again some seconds later."""
    cluster = Cluster(3)
    cluster.silence("mysql-0", "mysql-1", "mysql-2")
    cluster.clock.sleep(31)
    deleted: list[list[str]] = []

    def turn() -> None:
        if cluster.clock.seconds < 39:
            deleted.append(cluster.store.deleted("Pod") + cluster.store.deleted("PersistentVolumeClaim"))
        else:
            for name, facts in cluster.facts.items():
                facts.pop("silent", None)
                if facts["state"] == "OFFLINE":
                    cluster.facts[name] = {**ONLINE, "role": "replica", "online": 3}
                    cluster.write(name, f"{GROUP}:1-5")

    cluster.clock.turn = turn
    claims = cluster.stateful_set()["spec"]["volumeClaimTemplates"][0]
    claims["spec"]["resources"]["requests"]["storage"] = "2Gi"
    storage._rebuild(cluster.session(), NAME, "2Gi")
    assert deleted
    assert not any(deleted)
    assert set(cluster.lost) == {"data-mysql-0", "data-mysql-1", "data-mysql-2"}
    assert cluster.held("mysql-0") == f"{GROUP}:1-5"


def test_no_pod_goes_on_a_look_from_before_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof takes most of a minute; meanwhile another member dies, and the one chosen leads."""
    cluster = Cluster(3)

    def prove(*_: object) -> None:
        cluster.facts["mysql-0"] = {"state": "DOWN", "role": "none", "executed": ""}
        cluster.facts["mysql-1"] = {**ONLINE, "role": "primary", "online": 2}
        cluster.facts["mysql-2"]["online"] = 2
        cluster.settle()

    monkeypatch.setattr(proof, "of_settings", prove)
    with pytest.raises((rolling.NewPodFailed, errors.WaitTimeout)):
        rolling.replace_all(cluster.session(), NAME, lambda _: ["mysql-1"], LIMITS)
    assert cluster.store.deleted("Pod") == []


def test_the_volume_of_the_only_member_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(1, m0=f"{GROUP}:1-5000")
    with pytest.raises(errors.StepFailed, match="has one member, so nobody else holds its data"):
        storage._rebuild(cluster.session(), NAME, "2Gi")
    running = type("R", (), {"spec": type("S", (), {"storage_size": "1Gi"})})
    monkeypatch.setattr(observe, "must_run", lambda *_: running)
    monkeypatch.setattr(storage, "_with_size", lambda *_: None)
    with pytest.raises(errors.Refused, match="has one member"):
        storage.plan(cluster.session(), NAME, "2Gi", by_rebuild=True)
    assert cluster.lost == {}

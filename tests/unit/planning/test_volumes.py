"""The checks of `doctor` that read StorageClasses and volumes: each with what makes it find something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mysqlops.core import names
from mysqlops.objects import schedule
from mysqlops.operations import doctor
from mysqlops.planning import verdict
from mysqlops.planning.checks.model import CLASSES, VOLUMES, Facts
from tests.unit.clusters import HEALTHY, observed
from tests.unit.planning.test_doctor import DEFAULT_CLASS

CHECKS = {one.name: one for one in doctor.checks()}
SLOW: dict[str, Any] = {"metadata": {"name": "slow"}, "allowVolumeExpansion": True}  # binding mode: Immediate
AFFINITY: dict[str, Any] = {"required": {"nodeSelectorTerms": [{}]}}


def _facts(*classes: dict[str, Any], claims: str | None = "slow", template: str | None = None, **volume: Any) -> Facts:
    """Three members whose claims are of a class, and bound; `volume` is what the volume of mysql-1 says."""
    spec = {} if claims is None else {"storageClassName": claims}
    found = {
        f"data-mysql-{one}": {
            "metadata": {"name": f"data-mysql-{one}"},
            "spec": {**spec, "volumeName": f"pv-{one}", "resources": {"requests": {"storage": "1Gi"}}},
        }
        for one in range(4)  # one that scaling down left
    }
    seen = replace(observed(*HEALTHY), claims=found)
    of_template = {} if template is None else {"storageClassName": template}
    seen.stateful_set["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": of_template}]
    volumes = {f"pv-{one}": {"spec": {"persistentVolumeReclaimPolicy": "Retain"}} for one in range(3)}
    volumes["pv-1"]["spec"] |= volume
    return Facts(seen, verdict.judge(seen), classes=classes, volumes=volumes)


def _found(facts: Facts, check: str) -> list[str]:
    return [one.evidence for one in CHECKS[check].findings(facts)]


def _backed_up(facts: Facts, claim: str = "", success: str = "") -> Facts:
    """With scheduled backups, in a claim or elsewhere."""
    volume = {"name": "repository", "persistentVolumeClaim": {"claimName": claim}}
    pod = {"spec": {"volumes": [volume] if claim else []}}
    labels = {names.LABEL_STEPS: schedule.BACKUP, names.LABEL_INSTANCE: "mysql"}
    job = {
        "metadata": {"name": "mysql-backup", "creationTimestamp": "2025-12-01T00:00:00Z", "labels": labels},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": pod}}},
        "status": {"lastSuccessfulTime": success} if success else {},
    }
    return replace(facts, seen=replace(facts.seen, schedules=(job,)))


def test_volumes_that_grow_and_stay_are_no_finding() -> None:
    facts = _facts(DEFAULT_CLASS, SLOW)
    assert _found(facts, "storage-class") == _found(facts, "volumes") == []


def test_a_class_that_is_gone_and_one_that_cannot_expand() -> None:
    claims = "claim data-mysql-0, claim data-mysql-1, claim data-mysql-2"
    (gone,) = _found(_facts(DEFAULT_CLASS), "storage-class")
    assert gone == f"StorageClass slow of {claims}: the Kubernetes cluster has fast"
    fixed = {**SLOW, "allowVolumeExpansion": False}
    (stuck,) = CHECKS["storage-class"].findings(_facts(fixed, template="slow"))
    assert stuck.evidence == f"StorageClass slow of {claims}, claims of new members: allowVolumeExpansion is not true"
    assert "mysqlops storage resize mysql --size SIZE --by-rebuild" in stuck.fix


def test_the_class_of_new_members_is_that_of_the_template_or_the_default() -> None:
    (none,) = _found(_facts(SLOW), "storage-class")
    assert "names no StorageClass, and none is the default; there are: slow" in none
    (other,) = _found(_facts(SLOW, template="gone"), "storage-class")
    assert other == "StorageClass gone of claims of new members: the Kubernetes cluster has slow"
    newer = {**DEFAULT_CLASS, "metadata": {**DEFAULT_CLASS["metadata"], "name": "new", "creationTimestamp": "2026"}}  # type: ignore[dict-item]
    fixed = {**newer, "allowVolumeExpansion": False}
    assert _found(_facts(DEFAULT_CLASS, fixed, SLOW), "storage-class") == [
        "StorageClass new of claims of new members: allowVolumeExpansion is not true"
    ]


@pytest.mark.parametrize("claims", ["", None])
def test_volumes_made_by_hand_belong_to_no_class(claims: str | None) -> None:
    facts = _facts(claims=claims, template="")
    assert _found(facts, "storage-class") == _found(facts, "volumes") == []


def test_a_volume_that_goes_with_its_claim_while_no_backup_is_elsewhere() -> None:
    facts = _facts(DEFAULT_CLASS, SLOW, persistentVolumeReclaimPolicy="Delete")
    begin = "PersistentVolume pv-1: reclaim policy Delete; "
    done = "2025-12-31T03:00:00Z"
    assert _found(facts, "volumes") == [f"{begin}no backup is scheduled"]
    assert _found(_backed_up(facts), "volumes") == [f"{begin}no scheduled backup has succeeded yet"]
    beside = _backed_up(facts, claim="backups", success=done)
    assert _found(beside, "volumes") == [f"{begin}the scheduled backups are on claim backups of the same namespace"]
    assert _found(_backed_up(facts, success=done), "volumes") == []


def test_a_volume_that_only_some_nodes_can_mount_is_made_when_its_pod_has_a_node() -> None:
    facts = _facts(DEFAULT_CLASS, SLOW, nodeAffinity=AFFINITY)
    expected = "StorageClass slow: binding mode Immediate, and only some nodes can mount pv-1"
    assert _found(facts, "volumes") == [expected]
    waits = {**SLOW, "volumeBindingMode": "WaitForFirstConsumer"}
    assert _found(_facts(DEFAULT_CLASS, waits, nodeAffinity=AFFINITY), "volumes") == []


def test_classes_and_volumes_that_may_not_be_read_are_said_so_and_not_guessed() -> None:
    facts = replace(_facts(), volumes={}, unread={CLASSES: "forbidden", VOLUMES: "you may not"})
    assert _found(facts, "storage-class") == _found(facts, "volumes") == []
    assert CHECKS["storage-class"].unchecked(facts) == "StorageClass: forbidden"
    assert CHECKS["volumes"].unchecked(facts) == "StorageClass: forbidden; PersistentVolume: you may not"

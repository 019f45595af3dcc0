"""Faults of the primary's volume: full, or busy with other writes. Neither needs a node.

A full volume outlives mysqld, its container and this command: a Job on the member's node removes the file at the
deadline. The load on the disk ends by itself.
"""

from __future__ import annotations

import math
import re

from mysqlops import errors
from mysqlops.core import counting, form, names, quantity
from mysqlops.core.typed import Json
from mysqlops.drill import mine
from mysqlops.drill.model import BY_ITSELF, About
from mysqlops.drill.plan import objects
from mysqlops.drill.scene import Facts, Fault, Scene
from mysqlops.kube import exec as kube_exec
from mysqlops.kube import manifests
from mysqlops.objects import job_aim
from mysqlops.operations import waiting

_FILLER = "mysqlops-drill-filler"
_VOLUME = "/var/lib/mysql"
_LEFT_MIB = 40  # less than an agent wants free
_SHARED = 1.2  # the largest ratio of a file system to its claim, if they belong to each other alone
_MOST_MIB = 20480  # the most that is written without fallocate
_FILL_SECONDS = 180
_FILL = (
    f"free=$(($(stat -f -c '%a * %S' {_VOLUME} | sed 's/ //g') / 1048576)); size=$((free - {_LEFT_MIB})); "
    f"fallocate -l ${{size}}M {_VOLUME}/{_FILLER} 2>/dev/null || {{ "
    f'[ "$size" -le {_MOST_MIB} ] || {{ echo "no fallocate in the image, and $size MiB are too many" >&2; exit 1; }}; '
    f'timeout {_FILL_SECONDS - 10} dd if=/dev/zero of={_VOLUME}/{_FILLER} bs=1M count="$size" 2>/dev/null; }}; '
    f'if sync -f /proc 2>/dev/null; then sync -f {_VOLUME}; else sync; fi; echo "$size"'
)
_LOAD_SECONDS = 15
_BUSY = (
    f"for n in 1 2 3 4; do timeout {_LOAD_SECONDS} sh -c 'while :; do "
    f'dd if=/dev/zero of={_VOLUME}/{_FILLER}-$0 bs=64k count=64 oflag=dsync conv=notrunc 2>/dev/null; done\' "$n" '
    ">/dev/null 2>&1 & done; wait; echo done"
)
_CLEAN = f"rm -f {_VOLUME}/{_FILLER} {_VOLUME}/{_FILLER}-*"


def _fill_facts(scene: Scene) -> Facts:
    """Raises Refused where the volume is a folder of a larger file system: its other users' space would be full too."""
    claim = next(str(member.claim) for member in scene.status.members if member.name == scene.target)
    found = scene.session.client.get("PersistentVolumeClaim", claim)
    size = quantity.parse_bytes(found["status"]["capacity"]["storage"])
    whole = math.prod(_numbers(scene, scene.shell(names.CONTAINER_MYSQLD, f"stat -f -c '%b %S' {_VOLUME}"), 2))
    if whole > _SHARED * size:
        text = f"claim {claim} of {quantity.format_bytes(size)} lies in a file system of {quantity.format_bytes(whole)}"
        hint = "run disk-full only where each claim has its own file system"
        raise errors.Refused([errors.Reason("shared-volume", f"{text}, which others share", hint)])
    _plant(scene, claim)
    return {"target": scene.target}


def _plant(scene: Scene, claim: str) -> None:
    """The Job that undoes the fault runs before the fault begins."""
    client, seconds = scene.session.client, int(scene.deadline_seconds)
    undo = objects.Undo(scene.node, claim, _FILLER, seconds)
    job = objects.undo_job(manifests.load_one("drill/undo.yaml"), scene.cluster, undo)
    mine.check(client, "Job", job["metadata"]["name"])
    mine.delete(client, "Job", job["metadata"]["name"])
    _await_no_job(scene, job["metadata"]["name"])
    _await_running(scene, client.create("Job", job))


def _fill(scene: Scene, _: Facts) -> Json:
    done = scene.shell(names.CONTAINER_MYSQLD, _FILL, seconds=_FILL_SECONDS)
    if done.exit_code != 0:
        raise errors.StepFailed(f"the volume of {scene.target} could not be filled: {done.stderr.strip()[-200:]}")
    return {"filled_mib": _numbers(scene, done, 1)[0]}


def _numbers(scene: Scene, done: kube_exec.Output, count: int) -> list[int]:
    """What a program in a member's container printed, or whoever got into it; raises BadAnswer."""
    words = done.stdout.split()
    if len(words) != count or not all(re.fullmatch("[0-9]{1,18}", word, re.ASCII) for word in words):
        text = f"expected {counting.of(count, 'number')}, found {form.short(done.stdout.strip())!r}"
        raise errors.BadAnswer(f"what container {names.CONTAINER_MYSQLD} of {scene.target} printed: {text}")
    return [int(word) for word in words]


def _await_no_job(scene: Scene, name: str) -> None:
    pending = waiting.Pending(f"Job {name} of an earlier drill to be deleted", hint=f"kubectl describe job {name}")
    client = scene.session.client
    waiting.until(scene.session, lambda: pending if client.find("Job", name) else None, seconds=60)


def _await_running(scene: Scene, job: Json) -> None:
    """A Job that cannot start because of a quota or an image undoes nothing."""
    client, patience, name = scene.session.client, waiting.Patience(scene.session, 60), job["metadata"]["name"]

    def runs() -> bool:
        made = job_aim.pods_of(job, client.list("Pod", f"job-name={name}"))
        return any(pod["status"].get("phase") == "Running" for pod in made)

    while not runs():
        if patience.is_over():
            mine.delete(client, "Job", name)
            raise errors.StepFailed(
                f"Job {name}, which would undo it, does not run", hint=f"kubectl describe job {name}"
            )
        patience.sleep(waiting.Pending(f"Job {name} to run"))


def _empty(scene: Scene, facts: Facts) -> None:
    done = scene.shell(names.CONTAINER_MYSQLD, _CLEAN, member=facts["target"])
    if done.exit_code != 0:
        raise errors.StepFailed(f"the filler on {facts['target']} is still there: {done.stderr.strip()[-200:]}")
    mine.delete(scene.session.client, "Job", objects.names_of(scene.name, "undo"))


def _is_empty(scene: Scene, facts: Facts) -> bool:
    listed = scene.shell(names.CONTAINER_MYSQLD, f"ls {_VOLUME}", member=facts["target"])
    return listed.exit_code == 0 and _FILLER not in listed.stdout


def _load(scene: Scene, _: Facts) -> None:
    """Returns when the load has ended. Its shell waits for the processes: process 1 would not reap them."""
    done = scene.shell(names.CONTAINER_MYSQLD, _BUSY)
    if "done" not in done.stdout:
        raise errors.StepFailed(f"no load on the volume of {scene.target}: {done.stderr.strip()[-200:]}")


FAULTS = (
    Fault(
        About(
            "disk-full",
            "the primary's volume is filled but for 40 MiB, for 15 s",
            "the volume of {target} for {seconds} s; its agent hands the primary over to one of {others}",
            lasts=15,
            undone=BY_ITSELF,
        ),
        _fill,
        prepare=_fill_facts,
        heal=_empty,
        is_healed=_is_empty,
    ),
    Fault(
        About(
            "slow-disk",
            "four processes write and flush on the primary's volume for 15 s",
            "the volume of {target}, and whatever shares its disk, for 15 s; writes are slow",
        ),
        _load,
        prepare=lambda scene: {"target": scene.target},
        heal=_empty,
        is_healed=_is_empty,
    ),
)

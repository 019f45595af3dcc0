"""The pods of clients: start them, check that they write, stop them, fetch their journals, remove them."""

from __future__ import annotations

import base64
import re
import secrets
import zlib
from importlib import resources
from typing import Any, TypeVar

from mysqlops import errors
from mysqlops.core import form, typed
from mysqlops.drill import mine
from mysqlops.drill.ledger import figures, journal
from mysqlops.drill.plan import objects
from mysqlops.kube import exec as kube_exec
from mysqlops.kube import manifests
from mysqlops.objects import pods
from mysqlops.operations import observe, vault, waiting
from mysqlops.operations.session import Session
from mysqlops.planning import status

_CONTAINER = "clients"
_START_SECONDS = 120.0
_GONE_SECONDS = 20.0
_EXEC_SECONDS = 60.0
_TAIL = "tail -qn 3 /journal/$0*.log"
# Of all journals of a pod, unpacked: hours of writes. Whoever gets into the pod can send any number of zeros.
_MOST_BYTES = 128 << 20
# A name becomes that of a file (drill/store.py).
_JOURNALS = form.map_of(form.text_of(_MOST_BYTES), names=re.compile("[0-9A-Za-z][-0-9A-Za-z]{0,120}"))
# Compressed on the way: a journal is some megabytes, and the API server forwards every byte.
_FETCH = (
    "import base64, json, pathlib, zlib; print(base64.b64encode(zlib.compress(json.dumps("
    "{file.stem: file.read_text() for file in sorted(pathlib.Path('/journal').glob('*.log'))}).encode(), 6)).decode())"
)

T = TypeVar("T")


def cluster_of(session: Session, seen: status.Status) -> objects.Cluster:
    running = observe.must_run(session.client, seen.name)
    members = tuple(member.name for member in seen.members)
    spec, agent_map = running.spec, running.in_use.agent
    own = (spec.pull_secrets, spec.pod, spec.any_uid)
    return objects.Cluster(seen.name, seen.namespace, members, spec.agent_image, agent_map, *own)


class Fleet:
    """All clients of one round."""

    def __init__(self, session: Session, cluster: objects.Cluster) -> None:
        self._session, self._cluster = session, cluster
        # Names are used once: for a moment kubelet still routes to the previous pod of the same name.
        self._tag = secrets.token_hex(3)
        self._started: list[str] = []

    def start(self, request: objects.Clients) -> None:
        """Returns once it writes; raises StepFailed or WaitTimeout with the reason why its pod does not."""
        client, base = self._session.client, manifests.load_one("drill/client.yaml")
        program = resources.files("mysqlops.drill.clients").joinpath("client.py").read_text(encoding="utf-8")
        mine.check(client, "ConfigMap", objects.names_of(self._cluster.name))
        client.apply(objects.config_map(self._cluster, program))
        client.create("Pod", vault.fitting(client, objects.pod(base, self._cluster, request, self._pod(request.name))))
        self._started.append(request.name)
        writers = [request.name, *([figures.NAMED] if request.observes else [])]

        def look() -> waiting.Pending | None:
            if all(self.newest(request.name, writer) for writer in writers):
                return None
            return waiting.Pending(f"the clients {request.name} to write", self._why(request.name))

        waiting.until(self._session, look, seconds=_START_SECONDS)

    def newest(self, name: str, writers: str = "") -> float | None:
        """The moment of the newest acknowledgement in the last lines of its clients, on the pod's clock; `writers` are
        those that use the Service, unless it names others."""
        try:
            done = self._run(name, ["sh", "-c", _TAIL, writers or name])
        except (errors.PodExecFailed, errors.Unreachable):
            return None
        lines = journal.parse(done.stdout)
        return max((line.at for line in lines if line.kind == journal.ACKNOWLEDGED), default=None)

    def clock_offset(self, name: str) -> float:
        """Seconds that the pod's clock is ahead of ours: the best of three tries, accurate to half a round trip."""
        tries = []
        for _ in range(3):
            before = self._session.clock.now().timestamp()
            printed = self._run(name, ["python3", "-c", "import time; print(time.time())"]).stdout
            theirs = _read(name, form.number, typed.json_of(printed))
            after = self._session.clock.now().timestamp()
            tries.append((after - before, theirs - (before + after) / 2))
        return min(tries)[1]

    def stop(self) -> None:
        """No client begins another write; writes on their way finish."""
        for name in self._started:
            self._insist(name, ["touch", "/journal/stop"])
        self._session.clock.sleep(1)

    def journals(self) -> dict[str, str]:
        """Every journal by its name; raises BadAnswer."""
        found: dict[str, str] = {}
        for name in self._started:
            own = _unpacked(name, self._insist(name, ["python3", "-c", _FETCH]).stdout)
            if taken := found.keys() & own.keys():
                raise _bad(name, f"{min(taken)}: other clients have a journal of that name")
            found |= own
        return found

    def remove(self) -> None:
        for name in self._started:
            _remove_pod(self._session, self._pod(name))
        self._started.clear()

    def _pod(self, name: str) -> str:
        return objects.names_of(self._cluster.name, f"{name}-{self._tag}")

    def _run(self, name: str, command: list[str]) -> kube_exec.Output:
        return self._session.client.run_in(self._pod(name), _CONTAINER, command, timeout_seconds=_EXEC_SECONDS)

    def _insist(self, name: str, command: list[str]) -> kube_exec.Output:
        """Retries for a while: the clients' node may be coming back."""
        patience = waiting.Patience(self._session, _START_SECONDS)
        while True:
            try:
                done = self._run(name, command)
                if done.exit_code == 0:
                    return done
                trouble = done.stderr.strip()[-200:]
            except (errors.PodExecFailed, errors.Unreachable) as error:
                trouble = str(error)
            if patience.is_over():
                raise errors.StepFailed(f"the clients {name} cannot be reached: {trouble}")
            patience.sleep(waiting.Pending(f"the clients {name} to answer: {trouble}"), 1)

    def _why(self, name: str) -> str:
        pod = self._session.client.find("Pod", self._pod(name))
        return pods.why_silent(pod) if pod is None or not pods.is_ready(pod) else "no write was acknowledged yet"


def _unpacked(name: str, packed: str) -> dict[str, str]:
    """The journals that a pod of clients printed, or whoever got into it."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(base64.b64decode(packed), _MOST_BYTES)
    except (ValueError, zlib.error) as error:
        raise _bad(name, f"they are not packed as they should be: {error}") from error
    if not unpacking.eof:
        raise _bad(name, f"they are cut off, or have more than {_MOST_BYTES >> 20} MiB")
    return _read(name, _JOURNALS, typed.json_of(text))


def _read(name: str, what: form.Form[T], value: Any) -> T:
    """A value that a pod of clients printed; raises BadAnswer."""
    try:
        return what("", value)
    except form.Misfit as why:
        raise _bad(name, str(why)) from why


def _bad(name: str, why: str) -> errors.BadAnswer:
    return errors.BadAnswer(f"what the pod of the clients {name} printed cannot be used: {why}")


def _remove_pod(session: Session, pod: str) -> None:
    """Waits until the pod is gone for its kubelet too, so that it writes no more; a silent kubelet is not waited for
    longer. Raises WaitTimeout."""
    client, pending = session.client, waiting.Pending(f"pod {pod} to be deleted")
    client.delete("Pod", pod)
    willing = waiting.Patience(session, _GONE_SECONDS)
    patience = waiting.Patience(session, 2 * _GONE_SECONDS, f"kubectl get pod {pod} -o yaml; check its node")
    while client.find("Pod", pod) is not None:
        if willing.is_over():
            client.delete("Pod", pod, grace_seconds=0)
        patience.pause(pending)


def remove_all(session: Session, cluster: str) -> None:
    """Remove all remains of a drill of the cluster: pods, program, Job."""
    for pod in session.client.list("Pod", objects.selector(cluster)):
        _remove_pod(session, pod["metadata"]["name"])
    mine.delete(session.client, "ConfigMap", objects.names_of(cluster))
    mine.delete(session.client, "Job", objects.names_of(cluster, "undo"))

"""REST calls to one namespace of one cluster, with the login of the kubernetes package.

Plain dicts go in and out: typed models drop None and cannot delete a field by patch. Every call has a deadline
(the generated methods pass `_request_timeout=None`, airflow #69611), and foreign errors are mapped to ours here.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

from mysqlops import errors
from mysqlops.core import kube_status, names
from mysqlops.core.typed import Json
from mysqlops.kube import apply as applying
from mysqlops.kube import attach, login
from mysqlops.kube import exec as kube_exec
from mysqlops.kube.connection import Connection
from mysqlops.kube.guard import Guard
from mysqlops.kube.kubeconfig import Identity
from mysqlops.version import __version__

T = TypeVar("T")
_TIMEOUT_SECONDS = 15.0
_ONLY_METADATA = f"application/json;as={kube_status.METADATA_LIST};g=meta.k8s.io;v=v1"
_CONNECT_SECONDS = 4.0

# kind -> (API prefix, plural, namespaced)
_KINDS: Mapping[str, tuple[str, str, bool]] = {
    "Event": ("/api/v1", "events", True),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "PersistentVolume": ("/api/v1", "persistentvolumes", False),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims", True),
    "Pod": ("/api/v1", "pods", True),
    "Secret": ("/api/v1", "secrets", True),
    "Service": ("/api/v1", "services", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "StatefulSet": ("/apis/apps/v1", "statefulsets", True),
    "SelfSubjectAccessReview": ("/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews", False),
    "CronJob": ("/apis/batch/v1", "cronjobs", True),
    "Job": ("/apis/batch/v1", "jobs", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies", True),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets", True),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "VolumeSnapshot": ("/apis/snapshot.storage.k8s.io/v1", "volumesnapshots", True),
    "StorageClass": ("/apis/storage.k8s.io/v1", "storageclasses", False),
}


@dataclass(frozen=True)
class Caller:
    """The command that calls, for audit logs; whom it acts as, if not as the kubeconfig says; its patience."""

    verb: str = ""
    acting_as: Identity | None = None
    timeout_seconds: float = _TIMEOUT_SECONDS

    @property
    def agent(self) -> str:
        return f"mysqlops/{__version__}" + (f" ({self.verb})" if self.verb else "")


class Client:
    """Calls to one API server, in one namespace by default; safe to share between threads. `warn` gets what a change
    removes that a user had added."""

    warn: Callable[[str], None] = staticmethod(lambda _: None)

    def __init__(
        self,
        *,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        caller: Caller | None = None,
    ) -> None:
        caller = caller or Caller()
        found = login.login(kubeconfig, context)
        self.context, self.namespace = found.context, namespace or found.namespace or "default"
        self._timeout_seconds = caller.timeout_seconds
        headers = [("User-Agent", caller.agent), *(caller.acting_as or found.identity).headers()]
        self._connection = Connection(found.configuration, headers)
        self.server = self._connection.server
        self.guard = Guard()

    def within(self, namespace: str) -> Client:
        """The same login, in another namespace."""
        other = copy.copy(self)
        other.namespace = namespace
        return other

    def unguarded(self) -> Client:
        """The same client with a guard of its own: for the lock's own Lease."""
        other = copy.copy(self)
        other.guard = Guard()
        return other

    def get(self, kind: str, name: str) -> Json:
        return self._call("GET", self._path(kind, name))

    def find(self, kind: str, name: str) -> Json | None:
        """The object, or None if it does not exist."""
        try:
            return self.get(kind, name)
        except errors.NotFound:
            return None

    def list_metadata(self, kind: str, selector: str) -> list[Json]:
        """Only the `metadata` of each object, which halves the work of the API server and of frequent readers."""
        query = {"labelSelector": selector}
        return self._items(self._path(kind), query, accept=_ONLY_METADATA)

    def list(self, kind: str, selector: str = "") -> list[Json]:
        query = {"labelSelector": selector} if selector else None
        return self._items(self._path(kind), query)

    def list_everywhere(self, kind: str, selector: str) -> builtins.list[Json]:
        """Of all namespaces, if this login may."""
        prefix, plural, _ = _KINDS[kind]
        return self._items(f"{prefix}/{plural}", {"labelSelector": selector})

    def warnings(self, kind: str, name: str) -> builtins.list[Json]:
        """The warning events of an object; none if this login may not read them."""
        query = {"fieldSelector": f"type=Warning,involvedObject.kind={kind},involvedObject.name={name}"}
        try:
            return self._items(self._path("Event"), query)
        except errors.Forbidden:  # a Role of an older release
            return []

    def apply(self, manifest: Json, *, dry_run: bool = False) -> Json:
        """Server-side apply (kube/apply.py). A dry run raises Refused for a field of another manager, else Conflict."""
        return applying.rehearse(self, manifest) if dry_run else applying.apply(self, manifest)

    def send_apply(self, manifest: Json, *, dry_run: bool, force: bool = False) -> Json:
        """The request alone."""
        query = {"fieldManager": names.FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
        query |= {"force": "true"} if force else {}
        path = self._path(manifest["kind"], manifest["metadata"]["name"])
        self._check(manifest["kind"], dry_run=dry_run)
        return self._call("PATCH", path, manifest, content="application/apply-patch+yaml", query=query)

    def create(self, kind: str, manifest: Json, *, dry_run: bool = False) -> Json:
        self._check(kind, dry_run=dry_run)
        return self._call("POST", self._path(kind), manifest, query=applying.DRY_RUN if dry_run else None)

    def replace(self, kind: str, manifest: Json) -> Json:
        """Replace the object; raises Conflict if its resourceVersion is not the latest."""
        self._check(kind)
        return self._call("PUT", self._path(kind, manifest["metadata"]["name"]), manifest)

    def patch(self, kind: str, name: str, change: Json) -> Json:
        """A JSON merge patch (RFC 7396)."""
        self._check(kind)
        return self._call("PATCH", self._path(kind, name), change, content="application/merge-patch+json")

    def scale(self, name: str, replicas: int, *, version: str = "") -> None:
        """Set a StatefulSet's replicas; raises Conflict if it no longer has that resourceVersion. This is a resource of
        its own: whoever may patch the object itself may mount any Secret into its pods."""
        self._check("StatefulSet")
        change = {"metadata": {"resourceVersion": version} if version else {}, "spec": {"replicas": replicas}}
        path = f"{self._path('StatefulSet', name)}/scale"
        self._call("PATCH", path, change, content="application/merge-patch+json")

    def delete(
        self, kind: str, name: str, *, uid: str | None = None, grace_seconds: int | None = None, orphan: bool = False
    ) -> None:
        """Delete in the background; no error if the object does not exist. With `uid`, only exactly that object; with
        `orphan`, its dependents stay."""
        policy = "Orphan" if orphan else "Background"
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        self._check(kind)
        with contextlib.suppress(errors.NotFound):
            self._call("DELETE", self._path(kind, name), options)

    def delete_unchanged(self, kind: str, found: Json, *, orphan: bool = False) -> None:
        """Delete exactly that version of an object; no error if it does not exist, Conflict if somebody changed it."""
        exactly = {key: found["metadata"][key] for key in ("uid", "resourceVersion")}
        self._check(kind)
        with contextlib.suppress(errors.NotFound):
            options: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": exactly}
            options |= {"propagationPolicy": "Orphan"} if orphan else {}  # its dependents stay
            self._call("DELETE", self._path(kind, found["metadata"]["name"]), options)

    def logs(self, pod: str, container: str, *, lines: int = 200) -> str:
        return self._log(pod, container, {"tailLines": str(lines)})

    def timed_logs(
        self, pod: str, container: str, *, lines: int, since_seconds: float | None = None, previous: bool = False
    ) -> str:
        """The same, each line with kubelet's time; `previous`: of the container that ended before the running one."""
        query = {"tailLines": str(lines), "timestamps": "true"} | ({"previous": "true"} if previous else {})
        if since_seconds is not None:
            query["sinceSeconds"] = str(max(1, int(since_seconds)))
        return self._log(pod, container, query)

    def _log(self, pod: str, container: str, query: Mapping[str, str]) -> str:
        path = f"{self._path('Pod', pod)}/log"
        text = self._send("GET", path, None, {"Accept": "application/json"}, {"container": container, **query})
        return text.decode(errors="replace")

    def together(self, calls: Sequence[Callable[[], T]]) -> builtins.list[T]:
        """The results of independent reads, in order: a dozen take the time of one round trip. The first error is
        raised after all calls have ended."""
        with ThreadPoolExecutor(max(1, min(8, len(calls)))) as pool:
            return [future.result() for future in [pool.submit(call) for call in calls]]

    def run_in(self, pod: str, container: str, command: Sequence[str], *, timeout_seconds: float) -> kube_exec.Output:
        """Run a program in a container until it ends; raises PodExecFailed."""
        self._check("Pod")
        where = self._path("Pod", pod)
        return kube_exec.run(self._connection, where, container, command, timeout_seconds=timeout_seconds)

    def attached(self, pod: str, container: str, command: Sequence[str], *, tty: bool) -> attach.Running:
        """Talk with a program in a container while it runs."""
        return attach.attached(self._connection, self._path("Pod", pod), container, command, tty=tty)

    def version(self) -> str:
        """The API server's version; the cheapest call that proves that it answers."""
        return str(self._call("GET", "/version")["gitVersion"])

    def _check(self, kind: str, *, dry_run: bool = False) -> None:
        if not dry_run and kind != "SelfSubjectAccessReview":
            self.guard.check()

    def _path(self, kind: str, name: str = "") -> str:
        prefix, plural, namespaced = _KINDS[kind]
        scope = f"/namespaces/{_segment(self.namespace)}" if namespaced else ""
        return f"{prefix}{scope}/{plural}" + (f"/{_segment(name)}" if name else "")

    def _call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        content: str = "application/json",
        accept: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Json:
        headers = {"Accept": accept, "Content-Type": content}
        return kube_status.answer(f"{method} {path}", self._send(method, path, body, headers, query))

    def _items(
        self, path: str, query: Mapping[str, str] | None, accept: str = "application/json"
    ) -> builtins.list[Json]:
        return kube_status.items(f"GET {path}", self._call("GET", path, query=query, accept=accept))

    def _send(
        self, method: str, path: str, body: Json | None, headers: dict[str, str], query: Mapping[str, str] | None
    ) -> bytes:
        import urllib3

        url = path + (f"?{urlencode(query)}" if query else "")
        most = self._timeout_seconds
        timeout = urllib3.Timeout(connect=min(most, _CONNECT_SECONDS), read=most)
        content = None if body is None else json.dumps(body).encode()
        with _reachable(self.server, self.context):
            response = self._connection.request(method, url, content, headers, timeout)
        if response.status >= 300:
            raise kube_status.failure(f"{method} {path}", response.status, response.data)
        return response.data


def _segment(name: str) -> str:
    """One segment of a path; raises ConfigError for a name that would change the path."""
    if name in (".", "..") or not name:
        raise errors.ConfigError(f"{name!r}: no object can have that name")
    return quote(name, safe="")


@contextlib.contextmanager
def _reachable(server: str, context: str) -> Iterator[None]:
    import urllib3

    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError) as error:
        cause = getattr(error, "reason", error) or error
        text = " ".join(str(cause).split())[-200:]
        raise errors.Unreachable(
            f"the API server {server} of context {context} does not answer: {text}",
            hint="kubectl cluster-info; choose another context with --context, or a file with --kubeconfig",
        ) from error

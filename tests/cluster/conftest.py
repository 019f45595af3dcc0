"""A namespace for each module, with Pod Security restricted enforced, and the CLI as a user runs it."""

from __future__ import annotations

import base64
import functools
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mysqlops import errors
from mysqlops.clock import SystemClock
from mysqlops.core import names, rights
from mysqlops.kube.client import Client
from mysqlops.operations import observe
from mysqlops.operations.session import Progress, Session
from mysqlops.planning import status
from tests import waiting
from tests.cluster import leftovers
from tests.conftest import missing

KUBECONFIG = os.environ.get("MYSQLOPS_KUBECONFIG", "")
AGENT_IMAGE = os.environ.get("MYSQLOPS_AGENT_IMAGE", "python:3.13-slim")
LAB = Path(__file__).parents[2] / "scripts" / "lab"
_S3_KEYS = (("AWS_ACCESS_KEY_ID", "ROOT_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "ROOT_SECRET_KEY"))
os.environ["MYSQLOPS_INSECURE_HTTP"] = "1"  # the lab's S3 server has no TLS
# Of a container, as Pod Security restricted demands it.
LOCKED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_SESSION_SECONDS = 300.0
SMALL = ("--storage-size", "1Gi", "--memory", "768Mi", "--cpu", "100m")


@dataclass(frozen=True)
class Result:
    """A finished command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The answer; of a list what it lists."""
        found = json.loads(self.out)
        return found.get("items", found)


_WITHOUT_CLUSTER = ("render", "version")


@dataclass(frozen=True)
class Namespace:
    """Where one module works."""

    name: str
    logins: Mapping[str, str] = field(default_factory=dict)  # identity (core/rights.py) -> kubeconfig
    kubeconfig: str = KUBECONFIG  # of the administrator

    def mysqlops(self, *words: str, timeout: float = 420, **environment: str) -> Result:
        """Run a command; with `logins` as the identity that may do just that verb."""
        login = self.kubeconfig
        if self.logins and words[0] not in _WITHOUT_CLUSTER:
            login = self.logins[rights.identity_for(words[0])]
        environment = {"MYSQLOPS_KUBECONFIG": login, **environment}
        return run(
            sys.executable, "-m", "mysqlops", *words, timeout=timeout, MYSQLOPS_NAMESPACE=self.name, **environment
        )

    def must(self, *words: str) -> Any:
        """Run a command that has to succeed, however long it takes; its JSON if that is what it prints."""
        done = self.mysqlops(*words, timeout=1200)
        assert done.code == 0, done.err
        return done.json() if "-o" in words else None

    def with_logins(self, folder: Path) -> Namespace:
        """The same namespace, each verb run by a service account that holds exactly its identity's Role."""
        config = json.loads(self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        logins = {}
        for identity, (held, _) in rights.IDENTITIES.items():
            role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": identity}}
            self.kubectl("apply", "-f", "-", stdin=json.dumps({**role, "rules": rights.rules(held, "mysql")}))
            self.kubectl("create", "serviceaccount", identity)
            account = f"--serviceaccount={self.name}:{identity}"
            self.kubectl("create", "rolebinding", identity, f"--role={identity}", account)
            config["users"] = [{"name": identity, "user": {"token": self.kubectl("create", "token", identity).strip()}}]
            config["contexts"][0]["context"]["user"] = identity
            file = folder / f"{identity}.json"
            file.write_text(json.dumps(config))
            logins[identity] = str(file)
        return replace(self, logins=logins)

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        done = run("kubectl", f"--kubeconfig={self.kubeconfig}", "-n", self.name, *words, stdin=stdin, timeout=120)
        assert not check or done.code == 0, done.err
        return done.out

    def objects(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "-o", "json"))["items"]
        return items

    def secret_lines(self) -> set[str]:
        """Lines of the Secrets of cluster `mysql` that nothing may show: decoded, as one would leak."""
        values = {
            base64.b64decode(value).decode()
            for one in self.objects("secrets")
            if one["metadata"]["name"].startswith("mysql-")
            for key, value in (one.get("data") or {}).items()
            if not key.endswith(".crt") and key not in ("group-name", "ca-certificate", "ca-replaces")
        }
        found = {line for value in values for line in value.splitlines() if len(line) > 5}
        return {line for line in found if not line.startswith("---")}

    def agent_log(self, pod: str) -> str:
        """Of the agent that runs, after that of the one before it in this pod."""
        words = ("logs", pod, "-c", "agent")
        return self.kubectl(*words, "--previous", check=False) + self.kubectl(*words)

    def restarts(self, pod: str, container: str) -> int:
        """How often kubelet started the container again."""
        statuses = json.loads(self.kubectl("get", "pod", pod, "-o", "json"))["status"]["containerStatuses"]
        return next(int(one["restartCount"]) for one in statuses if one["name"] == container)

    def broken_agents(self) -> list[str]:
        """The pods whose agent ended by an error of its own, or for memory, and what it printed last."""
        found = []
        for pod in self.objects("pods"):
            for container in pod["status"].get("containerStatuses", []):
                ended = container.get("lastState", {}).get("terminated") or container["state"].get("terminated") or {}
                last_words = ended.get("message", "")
                if container["name"] == "agent" and (ended.get("reason") == "OOMKilled" or "Traceback" in last_words):
                    found.append(f"{pod['metadata']['name']}: {ended['reason']} {last_words}")
        return found

    def unlock(self, name: str = "mysql") -> None:
        """The lock of a command that was killed: the next one need not wait until it has run out."""
        self.kubectl("delete", "lease", names.operation_lease(name), "--ignore-not-found")

    def claim(self, name: str, size: str = "1Gi") -> None:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def in_pod(self, claim: str, script: str) -> str:
        """Run something on a claim's volume; what it printed."""
        mounts = [{"name": "volume", "mountPath": "/volume"}]
        container = {"name": "script", "image": AGENT_IMAGE, "command": ["sh", "-ec", script], "volumeMounts": mounts}
        user = {"runAsNonRoot": True, "runAsUser": 999, "fsGroup": 999, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = {
            "restartPolicy": "Never",
            "securityContext": user,
            "containers": [{**container, "securityContext": LOCKED}],
            "volumes": [{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "script"}, "spec": spec}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        phase = ("get", "pod", "script", "-o", "jsonpath={.status.phase}")
        eventually(lambda: self.kubectl(*phase) in ("Succeeded", "Failed"), "the script ends", 90)
        told, ended = self.kubectl("logs", "script"), self.kubectl(*phase)
        self.kubectl("delete", "pod", "script")
        assert ended == "Succeeded", told
        return told

    def sql(self, pod: str, statement: str) -> list[list[Any]]:
        """Run a statement as the agent does: through the socket, with the password from its file."""
        program = (
            "import sys, json; sys.path.insert(0, '/agent/agent.pyz')\n"
            "from mysqlops.agent import member, pod, settings\n"
            "server = member.Member(pod.Pod(settings.read())).connect()\n"
            "print(json.dumps(server.query(sys.argv[1]), default=str))"
        )
        inside = ("exec", pod, "-c", "agent", "--", "python3", "-c", program, statement)
        words = ("kubectl", f"--kubeconfig={KUBECONFIG}", "-n", self.name, *inside)
        deadline = time.monotonic() + 30
        while (done := run(*words, timeout=120)).code != 0:
            # Only this is sure to have run nothing: a killed agent's container waits for its next start.
            assert "container not found" in done.err, done.err
            assert time.monotonic() < deadline, done.err
            time.sleep(1)
        rows: list[list[Any]] = json.loads(done.out)
        return rows

    def status(self, name: str = "mysql") -> dict[str, Any]:
        found: dict[str, Any] = self.mysqlops("status", name, "-o", "json").json()
        return found

    def replicas(self) -> list[str]:
        return [one["name"] for one in self.status()["members"] if one["role"] == "replica"]

    def conditions(self) -> dict[str, dict[str, str]]:
        """The last of each code."""
        return {one["code"]: one for one in self.status()["conditions"]}

    def await_healthy(self, name: str = "mysql", seconds: float = 120) -> dict[str, Any]:
        """What `status` said when it called the cluster healthy: a second look may find another moment. Until then this
        process looks itself: commands that only ask would take the machine from the pods that are waited for."""
        last, own = Result(1, "", ""), session(self.kubeconfig, self.name)

        def is_healthy() -> bool:
            nonlocal last
            if observe.judged(own, name).verdict != status.HEALTHY:
                return False
            last = self.mysqlops("status", name, "-o", "json")
            return last.code == 0

        try:
            eventually(is_healthy, f"{name} healthy", seconds, away=(errors.MysqlopsError,))
        except AssertionError as error:
            last = self.mysqlops("status", name, "-o", "json")
            raise AssertionError(f"{error}; {last.out[-3000:]}{last.err[-500:]}") from None
        found: dict[str, Any] = last.json()
        return found


@functools.cache  # a client's connections stay open as long as it is there
def session(kubeconfig: str, namespace: str) -> Session:
    """As a command of the CLI has it, without a voice."""
    client = Client(kubeconfig=kubeconfig, context=None, namespace=namespace)
    quiet = Progress(lambda _: None, lambda _: None, lambda _: None)
    return Session(client, SystemClock(), quiet, _SESSION_SECONDS)


def make_namespace(name: str, level: str = "restricted", kubeconfig: str = KUBECONFIG) -> Namespace:
    """As strict as the namespaces that mysqlops is for, unless `level` is given; an existing one will do."""
    leftovers.sweep(kubeconfig)
    made = Namespace(name, kubeconfig=kubeconfig)
    run("kubectl", f"--kubeconfig={kubeconfig}", "create", "namespace", name, timeout=30)
    labels = {"pod-security.kubernetes.io/enforce": level, **leftovers.labels()}
    made.kubectl("label", "namespace", name, "--overwrite", *(f"{key}={value}" for key, value in labels.items()))
    return made


def run(*words: str, timeout: float, stdin: str | None = None, **environment: str) -> Result:
    done = subprocess.run(
        words,
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **environment},
    )
    return Result(done.returncode, done.stdout, done.stderr)


eventually = waiting.eventually


def killed(namespace: Namespace, when: Callable[[], bool], *words: str, cwd: Path | None = None) -> None:
    """Run a command and kill it with SIGKILL as soon as something is seen."""
    command = [sys.executable, "-m", "mysqlops", *words, "-n", namespace.name]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd) as running:
        deadline = time.monotonic() + 120
        while running.poll() is None and not when():
            assert time.monotonic() < deadline, "the moment to kill did not come"
            time.sleep(0.1)
        assert running.poll() is None, "it ended before the moment came"
        running.send_signal(signal.SIGKILL)


def purge(namespace: Namespace, member: str) -> None:
    """All binary logs but the one that is being written: by a moment, one of this very second would stay."""
    namespace.sql(member, "FLUSH BINARY LOGS")
    namespace.sql(member, f"PURGE BINARY LOGS TO '{namespace.sql(member, 'SHOW BINARY LOGS')[-1][0]}'")


def fill(namespace: Namespace, member: str) -> None:
    """Leave a member's volume less room than its agent wants."""
    script = (
        "free=$(($(stat -f -c '%a * %S' /var/lib/mysql | sed 's/ //g') / 1048576)); "
        "dd if=/dev/zero of=/var/lib/mysql/filler bs=1M count=$((free - 40)) 2>/dev/null; sync"
    )
    namespace.kubectl("exec", member, "-c", "mysqld", "--", "sh", "-c", script)


def must_be_the_lab(config: pytest.Config, what: str) -> None:
    """Another cluster is its owner's: `what` is missing there."""
    own = subprocess.run([sys.executable, LAB, "kubeconfig"], check=True, capture_output=True, text=True).stdout.strip()
    if own != KUBECONFIG:
        missing(config, "lab", what)


def s3_target(namespace: Namespace, config: pytest.Config) -> tuple[str, ...]:
    """The options of a target on the lab's S3 server; another cluster has none that we know."""
    must_be_the_lab(config, "the lab's S3 server")
    subprocess.run([sys.executable, LAB, "s3", "up"], check=True, capture_output=True, timeout=120)
    found = json.loads(namespace.kubectl("get", "secret", "s3-keys", "-n", "lab-s3", "-o", "json"))
    data = {name: found["data"][key] for name, key in _S3_KEYS}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-keys"}, "data": data}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
    # A bucket of its own: the lab keeps what earlier runs stored.
    return ("--s3", f"http://s3.lab-s3.svc:9000/{namespace.name}", "--credentials", "s3-keys")


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    if not KUBECONFIG or not os.path.exists(KUBECONFIG):
        missing(request.config, "cluster", 'MYSQLOPS_KUBECONFIG is not set: eval "$(scripts/lab env)"')
    made = make_namespace(f"test-{uuid.uuid4().hex[:8]}")
    yield made
    broken = made.broken_agents()
    made.kubectl("delete", "namespace", made.name, "--wait=false")
    assert not broken, broken


@pytest.fixture(scope="module")
def cluster(namespace: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    """A small one, each verb run with just its rights; modules that need another make their own."""
    namespace = namespace.with_logins(tmp_path_factory.mktemp("logins"))
    namespace.must("deploy", "mysql", *SMALL)
    return namespace

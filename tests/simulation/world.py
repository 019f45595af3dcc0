"""The whole world of one seed: it puts the models together, and is what they know of each other."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from mysqlops import errors
from mysqlops.agent import api
from mysqlops.core import names, secret_map
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.kube import manifests
from mysqlops.mysql.accounts import REPLICATION
from mysqlops.operations import deploy
from tests.simulation import certificates, jobs, kubelet, mysqld, store
from tests.simulation.account_sql import AccountServer
from tests.simulation.accounts import Accounts
from tests.simulation.apiserver import ApiServer
from tests.simulation.clock import EPOCH, SimClock
from tests.simulation.faults import Traps
from tests.simulation.group import TICK_SECONDS, Replication
from tests.simulation.ledger import Ledger
from tests.simulation.more_verbs import target_secret
from tests.simulation.programs import Programs
from tests.simulation.scheduler import Process, Scheduler
from tests.simulation.sql import SimServer
from tests.simulation.volume import Volume

NAME, NAMESPACE = "mysql", "db"
_CLIENT_SECONDS = (0.4, 2.0)
_CLASS = {"kind": "StorageClass", "provisioner": "local", "allowVolumeExpansion": True}
_RESTING_WORLDS, _RESTS, _REST_SECONDS = 3, 0.1, (20.0, 60.0)  # idle members report rarely
_SCRAPED_WORLDS, _SCRAPE_SECONDS = 4, 15.0  # every fourth world: a scrape makes the agents read a lot
_FAST_WORLDS = 4  # every fourth: agents hear each other all the time
_CHANGES = ("CREATE", "APPLY", "PUT", "PATCH", "DELETE")


class World(mysqld.Around):
    """Everything that there is."""

    name, namespace = NAME, NAMESPACE
    has_target = True  # of backups
    late = 0.01  # of the looks of a watch

    def __init__(self, seed: int, *, has_passwords: bool = False, has_repository: bool = False) -> None:
        self.scheduler = Scheduler(seed)
        self.random: random.Random = self.scheduler.random
        self.trace: list[tuple[float, str]] = []
        self.nodes = {name: kubelet.Node(name) for name in ("node-a", "node-b", "node-c", "node-d")}
        self.volumes: dict[str, Volume] = {}
        self.drops_relay_log = _drops_relay_log()
        self.replication = Replication(self.now, self.reaches, self.say)
        self.api = ApiServer(self._date, self.new_uuid)
        self.api.on_change = self._on_change
        self.api_down = False
        self.api_cut: set[str] = set()  # pods, or "cli"
        self.cuts: set[frozenset[str]] = set()  # pairs of pods whose servers do not reach each other
        self.unheard: set[str] = set()  # pods whose agents and the others' do not hear each other
        self.datagrams: dict[str, list[tuple[float, bytes, tuple[Any, ...]]]] = {}  # by UID: when, what, from whom
        self.is_fast = seed % _FAST_WORLDS == 1
        self.is_changed = True
        self.rests = seed % _RESTING_WORLDS == 0
        self.kubelet = kubelet.Kubelet(self)
        self.ledger = Ledger(self)
        self.accounts = Accounts(self) if has_passwords else None
        self.traps = Traps(self)
        self.programs = Programs(self)
        self.signers = certificates.Signers()
        self.has_repository = has_repository
        self.jobs = store.Store(self) if has_repository else jobs.Jobs(self)
        self.user_clock = SimClock(self.scheduler)
        self.on_sent_by: Callable[[Process, str], None] = lambda process, text: None
        self.before_change_by: Callable[[Process, str], None] = lambda process, text: None
        self.scheduler.after(TICK_SECONDS, self._tick)
        self.scheduler.after(5.0, self._client)
        if seed % _SCRAPED_WORLDS == 0:
            self.scheduler.after(_SCRAPE_SECONDS, self._scrape)

    # --- what the models ask for
    def now(self) -> float:
        return self.scheduler.now

    def _date(self) -> datetime:
        return EPOCH + timedelta(seconds=self.scheduler.now)

    def say(self, text: str) -> None:
        self.trace.append((self.scheduler.now, text))

    def new_uuid(self) -> str:
        text = f"{self.random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def clock_of(self, node: kubelet.Node) -> SimClock:
        return SimClock(self.scheduler, lambda: node.skew)

    def is_down(self, node: str) -> bool:
        return self.nodes[node].state != kubelet.UP

    def server(self, pod: str) -> mysqld.Mysqld | None:
        found = self.kubelet.of(pod)
        return found.server if found else None

    def reaches(self, one: mysqld.Mysqld, other: mysqld.Mysqld) -> bool:
        if not one.is_up or not other.is_up or other.is_frozen() or one.is_frozen():
            return False
        return not self.cuts or frozenset((one.pod, other.pod)) not in self.cuts

    def changed(self, pod: str) -> None:
        found = self.kubelet.of(pod)
        if found is not None and found.program is not None:
            found.program.is_restless_until = self.now() + 2.0

    def stir(self, seconds: float) -> None:
        """Something happens: the agents' turns come as quickly as real ones."""
        for one in self.kubelet.pods.values():
            if one.program is not None:
                one.program.is_restless_until = max(one.program.is_restless_until, self.now() + seconds)

    def version_of(self, image: str) -> str:
        """Empty for an image that does not start."""
        tag = image.rpartition(":")[2]
        return "" if "bad" in tag else {"9.7": "9.7.4"}.get(tag, tag)

    def logs(self, pod: str, container: str, lines: int) -> str:
        """Of the image check, or of a Job."""
        found = self.object("Pod", pod)
        if jobs.is_of_job(found):
            return self.jobs.printed(found, container)
        image = next(one["image"] for one in found["spec"]["containers"] if one["name"] == container)
        if container == "python":
            return "python 3 13 /usr/bin/openssl"
        if container == names.CONTAINER_EXPORTER:
            return "mysqld_exporter, version 0.19.0"
        version = self.version_of(image) or image.rpartition(":")[2].partition("-")[0]
        return f"/usr/sbin/mysqld  Ver {version} for Linux on x86_64 (MySQL Community Server - GPL)"

    def connection(self, server: mysqld.Mysqld, before: Callable[[str], None]) -> SimServer:
        """Of somebody who has logged in."""
        if self.accounts is not None:
            return AccountServer(server, self.scheduler, before, book=self.accounts)
        return SimServer(server, self.scheduler, before, is_admin=True)

    def lets_in(self, one: mysqld.Mysqld, others: list[mysqld.Mysqld]) -> list[mysqld.Mysqld]:
        book = self.accounts
        return others if book is None else [other for other in others if not book.refuses(one, other)]

    def takes_login(self, source: mysqld.Mysqld, password: str) -> bool:
        return self.accounts is None or self.accounts.accepts(source, REPLICATION, password)

    def loaded_tls(self) -> None:
        if self.kubelet.pods and (why := certificates.distrust(self)):
            self.say(f"VIOLATION {why}")
            self.scheduler.report("distrust", why)

    def tls_files(self) -> dict[str, str]:
        """What Secret NAME-tls holds; the first member that starts fills it."""
        tls, ca = names.tls_secret(NAME), secret_map.secret(NAME, secret_map.CA)
        if not self.object("Secret", tls).get("data"):
            files, keys = certificates.first(self.signers)
            data = secret_map.by_secret(NAME, keys, is_split=True)[ca]
            for secret, values in ((tls, files), (ca, data)):
                self.api.merge_patch("Secret", secret, {"data": secret_map.encoded(values)})
        return secret_map.texts(self.object("Secret", tls))

    # --- objects, as the world itself sees them
    def find(self, kind: str, name: str) -> Json | None:
        return self.api.peek(kind, name)

    def object(self, kind: str, name: str) -> Json:
        found = self.find(kind, name)
        if found is None:
            raise errors.NotFound(f"{kind} {name}")
        return found

    def objects(self, kind: str) -> list[Json]:
        return self.api.peek_all(kind)

    def claim_of(self, pod: Json) -> Json | None:
        for volume in pod["spec"].get("volumes", []):
            if "persistentVolumeClaim" in volume:
                return self.find("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
        return None

    def volume(self, claim: Json) -> Volume:
        """Made on a node of its own when it is first used."""
        uid = claim["metadata"]["uid"]
        if uid not in self.volumes:
            used = [one.node for one in self.volumes.values() if one.exists]
            up = [name for name, node in self.nodes.items() if node.state == kubelet.UP] or [*self.nodes]
            node = min(up, key=used.count)
            self.volumes[uid] = Volume(uid, claim["metadata"]["name"], node)
        return self.volumes[uid]

    def existing(self) -> list[Volume]:
        return [one for one in self.volumes.values() if one.exists]

    def _on_change(self, event: str, thing: Json, is_news: bool) -> None:
        if event == "DELETED" and thing["kind"] == "PersistentVolumeClaim":
            volume = self.volumes.get(thing["metadata"]["uid"])
            if volume is not None:
                volume.exists = False
                self.say(f"the data of {volume.claim} is gone")
        if is_news and thing["kind"] != "Lease":
            self.is_changed = True

    # --- the API server as a process sees it
    def api_is_away(self, caller: str) -> bool:
        return self.api_down or caller in self.api_cut

    def _caller(self) -> str:
        """A pod, or "cli"."""
        name = self.scheduler.running().process.name
        return name.partition(" ")[2] if name.startswith("agent") else "cli"

    def before_call(self, text: str) -> None:
        """A request goes out: time passes, and it may not arrive."""
        process = self.scheduler.running().process
        is_change = text.partition(" ")[0] in _CHANGES
        if is_change:
            self.on_sent_by(process, text)
        self.traps.reached(process, text)
        self.scheduler.pause(self.random.uniform(0.001, 0.02))
        if self.api_is_away(self._caller()):
            self.scheduler.pause(self.random.uniform(0.5, 3.0))
            raise errors.Unreachable("the API server does not answer")
        if is_change:
            self.before_change_by(process, text)

    def after_call(self, text: str) -> None:
        process = self.scheduler.running().process
        if self.traps.loses_answer(process, text):
            self.scheduler.pause(self.random.uniform(0.5, 3.0))
            raise errors.Unreachable("the answer was lost")

    def watching(self, seconds: float) -> Callable[[], bool]:
        """How a watch waits for what it shows, which comes within a second, and sometimes much later. Whoever is cut
        off hears nothing, and believes the silence as long as the agent's client does."""
        heard, until = self.now(), self.now() + seconds

        def wait() -> bool:
            nonlocal heard
            is_late = self.random.random() < self.late
            self.scheduler.pause(self.random.uniform(2.0, 20.0) if is_late else self.random.uniform(0.2, 1.2))
            while self._caller() in self.api_cut:
                if self.now() >= heard + api._SILENT_SECONDS:
                    raise errors.Unreachable("API server: timed out")
                self.scheduler.pause(1.0)
            heard = self.now()
            return self.now() < until

        return wait

    def before_statement(self, text: str) -> None:
        self.traps.reached(self.scheduler.running().process, text)

    # --- time
    def _tick(self) -> None:
        self.replication.tick()
        if not self.api_down:
            self.jobs.turn()
        if not self.api_down and self.is_changed:
            self.api.run_controllers()
        self.kubelet.turn()
        self.ledger.check()
        if self.accounts is not None:
            self.accounts.check()
        self.scheduler.after(TICK_SECONDS, self._tick)

    def _client(self) -> None:
        self.ledger.write()
        rests = self.rests and self.random.random() < _RESTS
        self.scheduler.after(self.random.uniform(*(_REST_SECONDS if rests else _CLIENT_SECONDS)), self._client)

    def _scrape(self) -> None:
        self.kubelet.scrape()
        self.scheduler.after(_SCRAPE_SECONDS, self._scrape)

    # --- the beginning
    def spec(self, replicas: int) -> ClusterSpec:
        return ClusterSpec(name=NAME, namespace=NAMESPACE, replicas=replicas)

    def make_surroundings(self) -> None:
        """What is there before a cluster."""
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        meta = {"name": "local", "annotations": annotations}
        self.api.create("StorageClass", _CLASS | {"metadata": meta})
        self.api.create("Namespace", {"kind": "Namespace", "metadata": {"name": NAMESPACE}})
        if self.has_target:
            self.api.create("Secret", target_secret())

    def make_cluster(self, replicas: int) -> None:
        """What deploy applies, without the wait; the group has its name already."""
        data = {names.KEY_GROUP_NAME: base64.b64encode(self.new_uuid().encode()).decode()}
        if self.has_repository:
            data[names.KEY_BACKUP_KEY] = base64.b64encode(b"the key of the first cluster").decode()
        self.make_surroundings()
        for wanted in _objects(replicas):
            self.api.apply(wanted, manager=names.FIELD_MANAGER)
        self.api.merge_patch("Secret", secret_map.secret(NAME, secret_map.INTERNAL), {"data": data})
        if self.accounts is not None:
            self.accounts.begin()


@cache
def _objects(replicas: int) -> tuple[Json, ...]:
    return tuple(deploy.objects(ClusterSpec(name=NAME, namespace=NAMESPACE, replicas=replicas)))


@cache
def _drops_relay_log() -> bool:
    """What today's my.cnf says."""
    text = manifests.read_text("base/config/my.cnf")
    values = {
        key.strip(): value.strip() for key, _, value in (line.partition("=") for line in text.splitlines()) if value
    }
    return values.get("relay_log_recovery", "OFF") == "ON"

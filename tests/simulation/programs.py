"""What the CLI runs in a pod: the agent's programs on demand, each a process of that pod, over this world's seams.

Mirrors agent/commands.py, which builds its clients by itself; the hand-over is the real one (agent/handover.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mysqlops import errors
from mysqlops.agent import cluster_api, handover, live_settings, member, settings
from mysqlops.agent.api import decoded
from mysqlops.agent.tls_check import CA, CERTIFICATE
from mysqlops.core import error_record, names
from mysqlops.kube import exec as kube_exec
from mysqlops.mysql import variables
from tests.simulation import certificates, passwords
from tests.simulation.agents import OwnPod
from tests.simulation.clients import AgentApi
from tests.simulation.kubelet import Containers
from tests.simulation.scheduler import Gap, Process

if TYPE_CHECKING:
    from tests.simulation.world import World

_POLL_SECONDS = 0.2


class Programs:
    """`kubectl exec` of this world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ran: list[Sequence[str]] = []  # whole command lines

    def run_in(self, pod: str, container: str, command: Sequence[str], timeout: float) -> kube_exec.Output:
        """Run to the end; it goes on if the caller dies."""
        containers = self._world.kubelet.of(pod)
        if containers is None or containers.agent is None or not containers.agent.is_alive:
            raise errors.PodExecFailed(f"exec in {pod}/{container}: the container does not run")
        self.ran.append(command)
        found: list[kube_exec.Output] = []
        process = Process(
            self._world.scheduler,
            f"exec {pod} {command[2]}",
            lambda: found.append(self._run(containers, list(command[2:]))),
        )
        containers.programs.append(process)
        deadline = self._world.now() + timeout
        while not found and process.is_alive and self._world.now() < deadline:
            self._world.scheduler.pause(_POLL_SECONDS)
        if not found:
            raise errors.PodExecFailed(f"exec in {pod}/{container}: the connection broke, or it took too long")
        return found[0]

    def _run(self, containers: Containers, words: list[str]) -> kube_exec.Output:
        process = self._world.scheduler.running().process
        self._world.traps.reached(process, f"EXEC {' '.join(words)}")
        if process.is_stopped:  # before it has read anything
            self._world.scheduler.pause(0.0)
        try:
            return kube_exec.Output(json.dumps(self._answer(containers, words)), "", 0)
        except errors.MysqlopsError as error:
            return kube_exec.Output("", f"{error_record.dump(error)}\n{error.code}: {error}\n", error.exit_code)

    def _answer(self, containers: Containers, words: list[str]) -> Any:  # noqa: C901, PLR0911, PLR0912 (a case a program)
        server = member.Member(OwnPod(self._me(containers), self._world, containers))
        match words[0]:
            case "transactions":
                return [asdict(one) for one in server.transactions()]
            case "gtids":
                with server.connect() as found:
                    executed, purged = found.query("SELECT @@global.gtid_executed, @@global.gtid_purged")[0]
                return {"executed": executed, "purged": purged}
            case "plugins":
                return {}
            case "slow":
                return []  # no statement takes long here
            case "setting-kinds":
                with server.connect() as found:
                    return {name: variables.kind(found, name) for name in words[1:]}
            case "get-settings":
                with server.connect() as found:
                    return variables.get(found, words[1:])
            case "set-settings":
                api = AgentApi(self._world.api, self._world.before_call, self._world.after_call)
                with server.connect() as found:
                    return live_settings.put(api, self._world.name, found, json.loads(words[1]), *words[2:])
            case "rotate-tls":
                return self._rotate_tls(containers, words[1], *words[2:])
            case "rotate-users":
                own, clock = (
                    OwnPod(self._me(containers), self._world, containers),
                    self._world.clock_of(containers.node),
                )
                api = AgentApi(self._world.api, self._world.before_call, self._world.after_call)
                return passwords.step(api, own, server, words[1:], clock)
            case "tls-presented":
                return self._presented(containers, words[1:])
            case "backup-open":
                return {}
            case "probe":
                return self._probe(float(words[words.index("--timeout") + 1]))
            case "switchover":
                return self._switchover(containers, server, words[words.index("--to") + 1])
            case "write-gap":
                return self._write_gap(words[words.index("--until") + 1], float(words[words.index("--timeout") + 1]))
        raise Gap(f"a program that no model knows: {' '.join(words)}")

    def _me(self, containers: Containers) -> settings.Settings:
        return settings.Settings(self._world.name, self._world.namespace, containers.name, containers.uid)

    def _rotate_tls(self, containers: Containers, stage: str, of: str = "") -> Any:
        api = AgentApi(self._world.api, self._world.before_call, self._world.after_call)
        made = certificates.Certificates(api, self._me(containers), containers.tls)
        again = made.changes_trust() if stage == "look" else made.rotate(stage, of)
        return {"fingerprint": made.fingerprint(), "hostnames": made.hostnames(), "again": again}

    def _presented(self, containers: Containers, hosts: Sequence[str]) -> Any:
        """As agent/presented.py: what each member shows to a client that trusts only the newest CA."""
        api = AgentApi(self._world.api, self._world.before_call, self._world.after_call)
        bundle = decoded(api.get("v1", "secrets", names.tls_secret(self._world.name))).get(CA, "")
        trusted = [line for line in bundle.splitlines() if line.startswith("CA ")]
        found = {}
        for host in hosts:
            other = self._world.kubelet.of(host.partition(".")[0])
            if other is None or not other.server.is_up or not other.server.tls:
                found[host] = ("unknown", "no answer")
            elif certificates.signer(other.server.tls[CERTIFICATE]) == trusted[0]:
                found[host] = ("presents", "")
            else:
                found[host] = ("refused", "certificate verify failed")
        pem = "".join(f"-----BEGIN CERTIFICATE-----\n{line}\n-----END CERTIFICATE-----\n" for line in trusted)
        return {"trusted": pem, "application": pem, "members": found}

    def _probe(self, seconds: float) -> dict[str, float]:
        deadline = self._world.now() + seconds
        seen = self._world.ledger.last_at
        while self._world.ledger.last_at <= seen:
            if self._world.now() >= deadline:
                if self._world.ledger.is_refused():
                    raise errors.WriteRefused("no write through the primary's Service: a server closes the connection")
                raise errors.WaitTimeout("no answer to a write through the primary's Service")
            self._world.scheduler.pause(0.5)
        return {"write": 0.1}

    def _switchover(self, containers: Containers, server: member.Member, to: str) -> Any:
        seen = server.observe()
        if seen is None or seen.role() != names.ROLE_PRIMARY:
            raise errors.Refused([errors.Reason("not-primary", f"{containers.name} is not the primary")])
        found = next((one for one in seen.successors() if one.pod == to), None)
        if found is None:
            raise errors.Refused([errors.Reason("no-successor", f"{to} is not ONLINE")])
        me, clock = self._me(containers), self._world.clock_of(containers.node)
        api = AgentApi(self._world.api, self._world.before_call, self._world.after_call)
        around = cluster_api.ClusterApi(api, me, clock)
        own = OwnPod(me, self._world, containers)
        return asdict(handover.run(own, server, around, found, clock))

    def _write_gap(self, until: str, timeout: float) -> Any:
        deadline = self._world.now() + timeout
        while self._world.ledger.last_on != until:
            if self._world.now() >= deadline:
                raise errors.WaitTimeout(f"{until} acknowledged no write")
            self._world.scheduler.pause(0.3)
        return {"seconds": 0.5, "writes": 1, "failures": 0, "before": "", "after": until}

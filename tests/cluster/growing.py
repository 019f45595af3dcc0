"""A volume that will be full within days, as an agent sees it that waits a minute instead of an hour for its first word
about growth. Nothing else of its program differs, and the volume really grows."""

from __future__ import annotations

from mysqlops.agent import metrics
from mysqlops.drill.faults import processes
from tests.cluster.conftest import Namespace, eventually

_WAITS = f"_SINCE_SECONDS = {metrics._SINCE_SECONDS}"
_WAITS_A_MINUTE = "_SINCE_SECONDS = 60.0"
_EDIT = """
import pathlib
(file,) = pathlib.Path("/run/bytecode").glob("*/program/mysqlops/agent/metrics.py")
text = file.read_text()
assert text.count({now!r}) == 1
file.write_text(text.replace({now!r}, {then!r}))
"""
_METRICS = "import urllib.request as u; print(u.urlopen('http://localhost:8306/metrics').read().decode())"
_FILLER = "/var/lib/mysql/grown"
_STEP_MIB = 1
_on: list[str] = []  # the member


def begin(on: Namespace) -> None:
    member = on.replicas()[0]
    _on.append(member)
    _restart_agent(on, member, _WAITS, _WAITS_A_MINUTE)
    left = "mysqlops_volume_time_to_full_seconds{"

    def is_known() -> bool:
        """One step further each time: until it grows, there is nothing to say."""
        _on_volume(on, member, f"dd if=/dev/zero bs=1M count={_STEP_MIB} >>{_FILLER} 2>/dev/null")
        return left in _python(on, member, _METRICS)

    eventually(is_known, f"{member} reports how long its volume lasts", 180)


def end(on: Namespace) -> None:
    member = _on.pop()
    _on_volume(on, member, f"rm -f {_FILLER}")
    _restart_agent(on, member, _WAITS_A_MINUTE, _WAITS)


def _restart_agent(on: Namespace, member: str, now: str, then: str) -> None:
    """With another line in its module of metrics: the pod's containers share the unpacked program."""
    _python(on, member, _EDIT.format(now=f"\n{now}\n", then=f"\n{then}\n"))
    before = on.restarts(member, "agent")
    on.kubectl("exec", member, "-c", "agent", "--", "python3", "-c", processes._KILL_AGENT, check=False)
    eventually(lambda: on.restarts(member, "agent") > before, f"kubelet starts the agent of {member} again", 90)
    on.await_healthy(seconds=240)


def _python(on: Namespace, member: str, program: str) -> str:
    return on.kubectl("exec", member, "-c", "agent", "--", "python3", "-c", program)


def _on_volume(on: Namespace, member: str, script: str) -> None:
    on.kubectl("exec", member, "-c", "mysqld", "--", "sh", "-ec", script)

"""What the machine must have: Debian's packages, and a Docker daemon, started here if none runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from labkit import cache
from labkit.shell import LabError, run, succeeds, tell, wait_until

_PACKAGES = {
    "docker": "docker.io",
    "openssl": "openssl",
    "ip": "iproute2",
    "mkfs.xfs": "xfsprogs",
    "zsh": "zsh",  # tests/shells
    "fish": "fish",
}
BUILD_PACKAGES = {"gcc": "gcc libc6-dev", "dpkg-deb": "dpkg"}


def ensure_tools(programs: dict[str, str] | None = None) -> None:
    """Install what is missing, or name it."""
    wanted = dict(programs or _PACKAGES)
    if not programs and not docker_answers():
        wanted["dockerd"] = "docker.io"
    missing = sorted({package for program, package in wanted.items() if not shutil.which(program)})
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(f"missing programs: as root, run `apt-get install {' '.join(missing)}`, then this again")
    tell(f"installing {' '.join(missing)}")
    words = " ".join(missing).split()
    install = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends")
    if not succeeds(*install, *words):
        run("apt-get", "update", "-qq")
        run(*install, *words)


def docker_answers() -> bool:
    return succeeds("docker", "version", "--format", "{{.Server.Version}}")


def ensure_docker() -> None:
    """Start a daemon where none answers: these machines have no init system."""
    if docker_answers():
        return
    if os.geteuid() != 0:
        raise LabError("no Docker daemon answers, and only root can start one: start Docker, then run this again")
    log = cache.root() / "dockerd.log"
    tell(f"starting Docker (log: {log})")
    with log.open("ab") as output:
        # A session of its own: it must outlive this command, and not get its Ctrl-C.
        daemon = subprocess.Popen(
            ["dockerd", "--storage-driver=overlay2"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (cache.root() / "dockerd.pid").write_text(str(daemon.pid))
    wait_until(lambda: docker_answers() or daemon.poll() is not None, "Docker daemon", seconds=60)
    if daemon.poll() is not None:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise LabError(f"dockerd ended at once ({' '.join(last)[-300:]}); its log is {log}")


def stop_docker() -> None:
    """End the daemon that ensure_docker started; leave any other alone."""
    file = cache.root() / "dockerd.pid"
    if not file.exists():
        return
    pid = int(file.read_text())
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and b"dockerd" in command.read_bytes():
        tell("stopping Docker")
        os.kill(pid, 15)
        wait_until(lambda: not command.exists() or not command.read_bytes(), "end of Docker", seconds=30)
    file.unlink()

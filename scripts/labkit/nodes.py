"""A lab's nodes: Docker containers on a network of their own, with fixed addresses."""

from __future__ import annotations

import functools
import json
import shutil
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from labkit import cache
from labkit.shell import LabError, all_of, run, succeeds, tell, wait_until

_CAPABILITIES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ""".split()
_VOLUMES = (("containerd", "/var/lib/containerd"), ("kubelet", "/var/lib/kubelet"), ("etcd", "/var/lib/etcd"))
MAX_NODES = 9
_SYSCTLS_OF_IPV6 = ("--sysctl=net.ipv6.conf.all.disable_ipv6=0", "--sysctl=net.ipv6.conf.all.forwarding=1")
POOL_MOUNT = "/var/lib/lab-storage"


IPV4, IPV6 = "ipv4", "ipv6"
# What a lab may be made of; the first is that of its nodes' own addresses, the API server's and the DNS server's.
FAMILIES = {IPV4: (IPV4,), IPV6: (IPV6,), "dual": (IPV4, IPV6)}


@dataclass(frozen=True)
class Networks:
    """Of one family: addresses of Services, one of them the API server's and one the DNS server's."""

    services: str
    api: str
    dns: str


NETWORKS = {
    IPV4: Networks("10.96.0.0/16", "10.96.0.1", "10.96.0.10"),
    IPV6: Networks("fd10:96::/112", "fd10:96::1", "fd10:96::a"),
}


@dataclass(frozen=True)
class Lab:
    """One lab by name; everything it makes bears the name."""

    name: str

    @property
    def folder(self) -> Path:
        return cache.state(self.name)

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.pki / "admin.conf"

    @property
    def pool(self) -> Path:
        return self.folder / "pool"

    def node(self, number: int) -> str:
        return f"{self.name}-{number}"

    def containers(self) -> list[str]:
        """The nodes' containers, running or not."""
        listing = run("docker", "ps", "-a", "--filter", f"label=mysqlops-lab={self.name}", "--format", "{{.Names}}")
        return sorted(listing.split(), key=lambda name: int(name.rsplit("-", 1)[1]))

    def check_node(self, node: str) -> str:
        if node not in self.containers():
            raise LabError(f"no node {node!r}; this lab has: {', '.join(self.containers()) or 'none'}")
        return node

    @property
    def ip_family(self) -> str:
        """Of the addresses of nodes, pods and Services: a key of FAMILIES, chosen by the first `up`."""
        file = self.folder / "family"
        return file.read_text() if file.exists() else IPV4

    @property
    def families(self) -> tuple[str, ...]:
        return FAMILIES[self.ip_family]

    def choose_family(self, wanted: str) -> None:
        """Raises LabError if the lab has another one."""
        file = self.folder / "family"
        if self.containers() and self.ip_family != wanted:
            raise LabError(f"lab {self.name} uses {self.ip_family}; scripts/lab --name {self.name} down --purge first")
        file.write_text(wanted)

    @property
    def networks(self) -> Networks:
        """Of its first family."""
        return NETWORKS[self.families[0]]

    @property
    def services(self) -> str:
        """The addresses of Services in each family, as the API server takes them."""
        return ",".join(NETWORKS[family].services for family in self.families)

    def prefix(self, family: str = "") -> str:
        """The lab's network less its last number: 172.28.0. or fd00:28::."""
        configured = "{{range .IPAM.Config}}{{.Subnet}} {{end}}"
        subnets = run("docker", "network", "inspect", self.name, "-f", configured).split()
        version = int((family or self.families[0]).removeprefix("ipv"))
        first = str(next(net for net in map(ip_network, subnets) if net.version == version).network_address)
        return first.removesuffix("0") if version == 4 else first

    def address(self, number: int, family: str = "") -> str:
        return f"{self.prefix(family)}{10 + number}"


def ensure_network(lab: Lab) -> None:
    """A /24, and for IPv6 a /64 too, that no other network of Docker's uses; the label says whose it is."""
    if succeeds("docker", "network", "inspect", lab.name):
        return
    names = run("docker", "network", "ls", "-q").split()
    taken = run("docker", "network", "inspect", *names, "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}").split()
    number = next(number for number in range(256) if f"172.28.{number}.0/24" not in taken)
    subnets = ["--subnet", f"172.28.{number}.0/24"]
    if IPV6 in lab.families:
        subnets += ["--ipv6", "--subnet", f"fd00:28:{number:x}::/64"]
    run("docker", "network", "create", lab.name, *subnets, "--label", f"mysqlops-lab={lab.name}")


def ensure_pool(lab: Lab) -> None:
    """The storage of all volumes: XFS, for its reflinks, in one sparse file."""
    if lab.pool.is_mount():
        return
    image = lab.folder / "pool.img"
    if not image.exists():
        half = image.with_suffix(".half")
        half.unlink(missing_ok=True)
        size = min(64 << 30, shutil.disk_usage(lab.folder).free * 3 // 4)
        run("truncate", "-s", str(size), half)
        run("mkfs.xfs", "-q", "-m", "reflink=1", half)
        half.rename(image)
    lab.pool.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, lab.pool)


def start(lab: Lab, number: int, image: str, *, with_storage: bool) -> None:
    """Create the node's container, or start the one that is there; a container of an older image is replaced."""
    name = lab.node(number)
    found = _inspect(name)
    if found and found["Config"]["Image"] != image:
        tell(f"replacing {name}: its image changed")
        run("docker", "rm", "-f", name)
        found = None
    if found:
        if found["State"]["Paused"]:
            run("docker", "unpause", name)
        run("docker", "start", name)
        return
    volumes = [f"{name}-{volume}:{path}" for volume, path in _VOLUMES]
    volumes.append(f"{lab.pki}:/pki:ro")
    if Path("/lib/modules").exists():
        volumes.append("/lib/modules:/lib/modules:ro")
    if with_storage:
        volumes.append(f"{lab.pool}:{POOL_MOUNT}")
    role = "worker" if number else "control-plane"
    run("docker", "run", "-d", "--name", name, "--hostname", name, "--network", lab.name, *_addresses(lab, number),
        "--label", f"mysqlops-lab={lab.name}", "-e", f"ROLE={role}", "-e", f"NODE_INDEX={number}",
        "-e", f"NODE_COUNT_MAX={MAX_NODES}", "-e", f"FAMILIES={' '.join(lab.families)}",
        "-e", f"PREFIXES={' '.join(map(lab.prefix, lab.families))}",
        "-e", f"SERVICE_NET={lab.services}", "-e", f"DNS={lab.networks.dns}",
        "-e", f"CSI={'1' if with_storage else ''}", "--tmpfs", "/run", "--tmpfs", "/tmp",
        *(_SYSCTLS_OF_IPV6 if IPV6 in lab.families else ()), *_privileges(),
        *(f"-v{volume}" for volume in volumes), image)  # fmt: skip


def _addresses(lab: Lab, number: int) -> list[str]:
    fixed = ["--ip", lab.address(number, IPV4)]
    return [*fixed, "--ip6", lab.address(number, IPV6)] if IPV6 in lab.families else fixed


def _privileges() -> list[str]:
    """Those of --privileged, less the capabilities that this machine itself lacks: asking for one of them fails."""
    status = Path("/proc/self/status").read_text()
    bounding = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd")), 16)
    held = [name for bit, name in enumerate(_CAPABILITIES) if bounding >> bit & 1]
    unconfined = ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined")
    return [
        "--cgroupns=private",
        "--device-cgroup-rule=a *:* rwm",
        *(f"--security-opt={option}" for option in unconfined),
        *(f"--cap-add={name}" for name in held),
    ]


def _inspect(name: str) -> dict[str, dict[str, object]] | None:
    text = run("docker", "inspect", name, check=False)
    found = json.loads(text or "[]")
    return found[0] if found else None


def load(lab: Lab, archives: list[Path]) -> None:
    """Import archives of images into every node at once; a node that has one is not given it again."""
    all_of([functools.partial(_load_into, node, archives) for node in lab.containers()])


def _load_into(node: str, archives: list[Path]) -> None:
    wait_until(lambda: succeeds("docker", "exec", node, "ctr", "version"), f"containerd on {node}", seconds=60)
    for archive in archives:
        mark = f"/var/lib/containerd/lab-{archive.stem}"
        if succeeds("docker", "exec", node, "test", "-e", mark):
            continue
        run("docker", "exec", "-i", node, "ctr", "-n", "k8s.io", "images", "import", "--local", "-", stdin=archive)
        run("docker", "exec", node, "touch", mark)


def remove(lab: Lab, *, purge: bool) -> None:
    """Everything that `up` made but the caches; with purge also keys and stored volumes."""
    containers = lab.containers()
    if containers:
        tell(f"removing {', '.join(containers)}")
        for name in containers:
            if (_inspect(name) or {}).get("State", {}).get("Paused"):
                run("docker", "unpause", name)
        run("docker", "rm", "-f", *containers)
    left = run("docker", "volume", "ls", "-q", "--filter", f"name={lab.name}-").split()
    mine = [volume for volume in left if volume.rsplit("-", 2)[0] == lab.name]
    if mine:
        run("docker", "volume", "rm", *mine)
    if succeeds("docker", "network", "inspect", lab.name):
        run("docker", "network", "rm", lab.name)
    if lab.pool.is_mount():
        run("umount", lab.pool)
    # The API server's memory is gone with its volume, so nobody knows these volumes any more.
    (lab.folder / "pool.img").unlink(missing_ok=True)
    if purge:
        shutil.rmtree(lab.folder)


FAULTS = {
    "stop": ("docker", "kill"),
    "start": ("docker", "start"),
    "freeze": ("docker", "pause"),
    "thaw": ("docker", "unpause"),
}


def fault(lab: Lab, verb: str, node: str) -> None:
    """Stop, freeze or isolate a node, or undo it; no error if it is already so."""
    lab.check_node(node)
    state = (_inspect(node) or {}).get("State", {})
    done = {
        "stop": not state["Running"],
        "start": state["Running"],
        "freeze": state["Paused"],
        "thaw": not state["Paused"],
    }
    if done.get(verb):
        tell(f"{node}: already so")
        return
    if verb in FAULTS:
        run(*FAULTS[verb], node)
        return
    connected = (
        node in run("docker", "network", "inspect", lab.name, "-f", "{{range .Containers}}{{.Name}} {{end}}").split()
    )
    if verb == "isolate" and connected:
        run("docker", "network", "disconnect", lab.name, node)
    elif verb == "heal" and not connected:
        run("docker", "network", "connect", *_addresses(lab, int(node.rsplit("-", 1)[1])), lab.name, node)

"""What each image holds. The pods' images stand in for stock ones that no registry here serves."""

from __future__ import annotations

from dataclasses import dataclass

# Needed by no program that these images run; perl alone is 50 MB.
_NEVER = (
    *("gcc-16-base", "libc-gconv-modules-extra", "openssl-provider-legacy", "debconf", "tzdata"),
    *("perl", "perl-base", "perl-modules-5.42", "libperl5.42", "libgdbm6t64", "libgdbm-compat4t64"),
)
_SHELL = ("base-files", "dash", "coreutils", "libc-bin", "sed", "grep", "hostname", "findutils", "mawk")
_PYTHON = ("python3.14", "libpython3.14-stdlib", "libpython3.14-minimal", "python3.14-minimal", "python3", "libicu78")
_NOT_IN_A_POD = ("systemd", "libsystemd-shared", "libglib2.0-0t64", "python3-dbus", "debconf")
# What the package's scripts would have linked by update-alternatives.
_IPTABLES = tuple(
    (f"usr/sbin/{name}{what}", "xtables-nft-multi")
    for name in ("iptables", "ip6tables")
    for what in ("", "-save", "-restore")
)
NODE = "lab/node:1"


@dataclass(frozen=True)
class Recipe:
    """An image: Debian packages less `without` and `removed` (globs), plus compiled files, links and users."""

    tag: str
    packages: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    links: tuple[tuple[str, str], ...] = ()
    users: tuple[str, ...] = ()
    folders: tuple[tuple[str, int], ...] = ()  # with their owner
    entrypoint: tuple[str, ...] = ()
    binary: str = ""  # a Go group whose program is put in /
    programs: tuple[str, ...] = ()  # Go groups whose programs are put in /usr/local/bin
    scripts: str = ""  # a folder beside this file: its *-entry go to /usr/local/bin, the rest to /etc/lab
    compiles_python: bool = False

    @property
    def short(self) -> str:
        return self.tag.partition("/")[2].replace(":", "-")


MYSQL = Recipe(
    "lab/mysql:9.7",
    packages=("mysql-server-core", "mysql-client-core", *_SHELL),
    without=_NEVER,
    # Server programs, plugins and English messages only; the clients are for people who look into a pod.
    removed=(
        *("usr/bin/my*", "usr/bin/perror", "usr/bin/ibd2sdi", "usr/bin/innochecksum", "usr/share/mysql/*/errmsg.sys"),
        *("usr/lib/mysql/plugin/*_client.so", "usr/lib/x86_64-linux-gnu/perl*", "usr/share/mecab"),
    ),
    kept=frozenset({"mysql", "mysqldump", "mysqladmin", "usr/share/mysql/english/errmsg.sys"}),
    users=("mysql:999",),  # the official image's ids: a volume's files keep their owner
    # mysqld refuses to start without the folder that secure_file_priv was compiled to.
    folders=(("var/lib/mysql", 999), ("var/lib/mysql-files", 999), ("run/mysqld", 999)),
)
PYTHON_3 = Recipe(
    "lab/python:3",
    packages=("python3", "python3-minimal", "base-files", "dash", "coreutils", "libc-bin", "ca-certificates"),
    without=_NEVER,
    removed=(
        *("usr/lib/python3*/test", "usr/lib/python3*/idlelib", "usr/lib/python3*/ensurepip", "usr/lib/python3*/pydoc*"),
        *("usr/lib/python3*/tkinter", "usr/lib/python3*/turtledemo", "usr/lib/python3*/config-3*"),
    ),
    users=("mysqlops:999",),
    compiles_python=True,
)
RESTIC = Recipe("lab/restic:1", packages=("restic", "ca-certificates", *_SHELL), without=(*_NEVER, "openssl"))
_TOOLS = Recipe(
    "lab/shell:1",
    packages=("curl", "openssl", "ca-certificates", "busybox", "netcat-openbsd", *_SHELL),
    without=_NEVER,
    links=(("usr/bin/nc", "nc.openbsd"),),
)
# Instead of the image by which `mysqlops drill --node-pods` reaches a node.
NETSHOOT = Recipe(
    "lab/netshoot:1",
    packages=("iptables", "util-linux", *_SHELL),
    without=(*_NEVER, *_NOT_IN_A_POD),
    links=_IPTABLES,
)
HAPROXY = Recipe("lab/haproxy:3", packages=("haproxy", *_SHELL), without=(*_NEVER, *_NOT_IN_A_POD))
# Of `scripts/bench-throughput` alone; no node loads it.
SYSBENCH = Recipe("lab/sysbench:1", packages=("sysbench", *_SHELL), without=(*_NEVER, "openssl"))
# Another server of MySQL's protocol, for tests/database alone; no node loads it (`scripts/lab image`).
MARIADB = Recipe(
    "lab/mariadb:11",
    packages=("mariadb-server-core", "mariadb-client-core", *_SHELL),
    without=(*_NEVER, *_NOT_IN_A_POD),
    users=("mysql:999",),
)
POD_IMAGES = (
    Recipe("lab/pause:1", entrypoint=("/pause",)),
    Recipe("lab/coredns:1", binary="coredns", entrypoint=("/coredns",)),
    MYSQL,
    PYTHON_3,
    RESTIC,
    _TOOLS,
    NETSHOOT,
    HAPROXY,
)
# The base of the image that Containerfile makes (own_image.py): `scripts/lab own-image` alone needs it.
PYTHON_SLIM = Recipe(
    "lab/python-slim:3",
    packages=(
        "python3",
        "python3-venv",
        "python3-minimal",
        "ca-certificates",
        "base-files",
        "dash",
        "coreutils",
        "libc-bin",
    ),
    without=tuple(name for name in _NEVER if name != "tzdata"),
)
# `scripts/lab policies on` alone needs it.
POLICIES = Recipe(
    "lab/kube-router:1",
    packages=("iptables", "ipset", "ca-certificates", *_SHELL),
    without=(*_NEVER, *_NOT_IN_A_POD),
    links=_IPTABLES,
    programs=("policies",),
    entrypoint=("/usr/local/bin/kube-router",),
)
# Built and loaded by `scripts/lab extra`: few tests need them.
EXTRA_IMAGES = (
    Recipe(
        "lab/prometheus:1",
        packages=("prometheus", "ca-certificates", *_SHELL),
        without=(*_NEVER, "openssl", "prometheus-node-exporter", "fonts-glyphicons-halflings"),
        removed=("usr/bin/tsdb", "usr/share/javascript", "usr/share/nodejs"),
    ),
    Recipe(
        "lab/exporter:1",
        packages=("prometheus-mysqld-exporter", *_SHELL),
        without=(*_NEVER, *_NOT_IN_A_POD, "openssl"),
        entrypoint=("/usr/bin/prometheus-mysqld-exporter",),
    ),
    Recipe(
        "lab/alertmanager:1",
        packages=("prometheus-alertmanager", *_SHELL),
        without=(*_NEVER, *_NOT_IN_A_POD, "openssl"),
        entrypoint=("/usr/bin/prometheus-alertmanager",),
    ),
)
NODE_RECIPE = Recipe(
    NODE,
    packages=(
        *("containerd", "runc", "containernetworking-plugins", "etcd-server", "kubectl"),
        *(
            "iptables",
            "iproute2",
            "conntrack",
            "ethtool",
            "kmod",
            "mount",
            "util-linux",
            "xfsprogs",
            "procps",
            "hostname",
        ),
        *("bash", "tar", "gzip", *_SHELL),
    ),
    without=(*_NEVER, *_PYTHON, *_NOT_IN_A_POD),
    removed=(
        *("usr/bin/etcdutl", "usr/lib/cni/*", "usr/lib/containerd", "usr/share/systemd", "usr/lib/systemd"),
        *("usr/sbin/seccompagent", "usr/sbin/remap-rootfs", "usr/sbin/sd-helper", "usr/sbin/recvtty", "usr/lib/udev"),
    ),
    kept=frozenset({"bridge", "host-local", "loopback", "portmap"}),
    links=(("opt/cni/bin", "/usr/lib/cni"), ("usr/bin/awk", "mawk"), *_IPTABLES),
    entrypoint=("/usr/local/bin/node-entry",),
    programs=("kube", "storage", "s3", "holder"),
    scripts="images/node",
)

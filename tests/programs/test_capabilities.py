"""What the trial of an image finds out about it: by the real script in a folder of fake programs, and from its text."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mysqlops.core import capabilities
from mysqlops.kube import manifests

# As long as a server's own: a shell that searches it in one piece takes minutes.
_LONG = "an-option-of-the-server                             its-value-of-some-length\\n" * 1500
_MYSQLD = """#!/bin/sh
case "$*" in
  --version) echo 'mysqld  Ver 9.7.4 for Linux on x86_64' ;;
  *--verbose*) printf '{long}plugin-dir          %s/\\nxa                  1\\n' '{plugins}' ;;
  *--validate-config) grep -q bad /tmp/my.cnf && exit 3; exit 0 ;;
esac
"""


def _run(
    folder: Path, tools: str, plugins: str, cnf: str = "[mysqld]", root: str = ""
) -> subprocess.CompletedProcess[str]:
    """The probe with nothing but these programs; it looks for the C library below `root`."""
    bin_dir, plugin_dir = folder / "bin", folder / "with space" / "plugin"
    bin_dir.mkdir()
    plugin_dir.mkdir(parents=True)
    for one in plugins.split():
        (plugin_dir / f"{one}.so").touch()
    for one in tools.split():
        (bin_dir / one).symlink_to("/bin/true")
    (bin_dir / "grep").symlink_to(str(shutil.which("grep")))
    (bin_dir / "mysqld").write_text(_MYSQLD.replace("/tmp", str(folder)).format(plugins=plugin_dir, long=_LONG))
    (bin_dir / "mysqld").chmod(0o755)
    script = manifests.read_text("image-check/probe.sh").replace("/tmp", str(folder)).replace(" /lib", f" {root}/lib")
    return subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PATH": str(bin_dir), "MY_CNF": cnf},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_the_probe_finds_what_the_image_has_with_nothing_but_a_shell(tmp_path: Path) -> None:
    done = _run(tmp_path, "mysql mysqldump mysqlsh", "group_replication mysql_clone")
    assert done.returncode == 0, done.stderr
    found = capabilities.read(done.stdout)
    assert found is not None
    assert (found.tools, found.plugins) == ("mysql mysqldump mysqlsh", "group_replication mysql_clone")
    assert found.plugin_dir == f"{tmp_path}/with space/plugin/"
    assert (found.libc in ("glibc", "musl"), found.user) == (True, "unknown")  # there is no id
    assert capabilities.missing_plugins(found) + capabilities.missing_tools(found) == []


@pytest.mark.parametrize(
    ("loader", "libc"),
    [
        ("lib64/ld-linux-x86-64.so.2", "glibc"),  # Debian, Oracle Linux, UBI
        ("lib/ld-linux-aarch64.so.1", "glibc"),  # the same on arm64
        ("lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", "glibc"),
        ("lib/ld-musl-x86_64.so.1", "musl"),
        ("lib/nothing", "unknown"),
    ],
)
def test_the_c_library_is_known_by_its_loader_in_each_layout(tmp_path: Path, loader: str, libc: str) -> None:
    (tmp_path / loader).parent.mkdir(parents=True)
    (tmp_path / loader).touch()
    found = capabilities.read(_run(tmp_path, "mysql", "mysql_clone", root=str(tmp_path)).stdout)
    assert found is not None
    assert found.libc == libc


def test_what_is_missing_is_named_with_what_it_costs(tmp_path: Path) -> None:
    done = _run(tmp_path, "mysql", "mysql_clone")
    found = capabilities.read(done.stdout)
    (plugin,) = capabilities.missing_plugins(found)
    assert plugin.endswith("no group can be formed")
    assert capabilities.missing_tools(found) == ["has no mysqldump: adopt, and logical backups will not work"]


def test_the_status_of_the_probe_is_that_of_the_check_of_my_cnf(tmp_path: Path) -> None:
    assert _run(tmp_path, "", "", cnf="bad").returncode == 3


@pytest.mark.parametrize("text", ["", "image {", "image []", 'image {"tools": ["mysql"]}', 'x image {"tools": "a"}'])
def test_an_image_that_says_nothing_of_use_is_not_judged(text: str) -> None:
    found = capabilities.read(text)
    assert found is None
    assert capabilities.missing_plugins(found) == capabilities.missing_tools(found) == []

"""A member's volume, as it is when its pod starts again: what `prepare` finds there. Real servers."""

from __future__ import annotations

import secrets
from pathlib import Path

from mysqlops.agent import credentials
from tests.database.containers import Template, docker, image
from tests.database.files import CONFIG, PASSWORDS, PREVIOUS


class MemberVolume:
    """A volume, and the statements that `credentials` wrote for its pod."""

    def __init__(self, template: Template, folder: Path) -> None:
        self._template, self.statements = template, folder
        self.volume = f"mysqlops-test-{secrets.token_hex(3)}-member"
        credentials.write_statements(folder, PASSWORDS | PREVIOUS)
        for file in folder.iterdir():
            file.chmod(0o644)
        folder.chmod(0o777)
        docker("volume", "create", self.volume)
        copy = ("-v", f"{template.volume}:/from", "-v", f"{self.volume}:/to", "--entrypoint", "")
        docker("run", "--rm", "--user", "0:0", *copy, image(), "sh", "-c", "chown 999:999 /to && cp -a /from/. /to/")

    def run(self, script: str, *, check: bool = True) -> str:
        """In a container with what `prepare` has."""
        mounts = {
            self.volume: "/var/lib/mysql",
            str(CONFIG): "/etc/mysqlops:ro",
            str(self.statements): "/run/statements",
        }
        mounts[str(self._template.folder / "tls")] = "/run/tls:ro"
        words = [word for source, path in mounts.items() for word in ("-v", f"{source}:{path}")]
        tmpfs = ("--tmpfs", "/run/mysqlops:uid=999,gid=999", "--tmpfs", "/tmp:uid=999,gid=999")
        user = ("--rm", "--user", "999:999", "--entrypoint", "")
        return docker("run", *user, *tmpfs, *words, image(), "sh", "-c", f"{{ {script}\n}} 2>&1", check=check)

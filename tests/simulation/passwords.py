"""Passwords rotate in a world: the agent's watch of the Secrets, and the program that a command runs in its pod."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mysqlops import errors
from mysqlops.agent import accounts_watch, api, log, member, pod, rotation, secrets_watch, vault
from mysqlops.agent.tls_check import CA
from mysqlops.core import names, view
from tests.simulation import certificates

if TYPE_CHECKING:
    from mysqlops.clock import Clock


class Watch(certificates.Watch):
    """The real one, but for the files of certificates, and without an exporter."""

    def __init__(self, client: api.Api, own: pod.Pod, folder: certificates.Folder, server: member.Member) -> None:
        super().__init__(client, own, folder, server)
        self._api, self._pod, self._member = client, own, server
        self._accounts = accounts_watch.AccountsWatch(own, self._is_rotation_noted)
        self._vault = vault.Vault(client, own.me.cluster)
        self._held, self._stage = None, ""

    def look(self, logger: log.Log, record: view.GroupRecord | None) -> None:
        secrets_watch.SecretsWatch.look(self, logger, record)

    def _take_certificate(self, logger: log.Log) -> str:
        self._take()
        ca = self._files.files[CA]
        if self._held is None or not self._vault.is_complete(self._held, ca):
            self._vault.complete_application(ca)
        return ""

    def _give_exporter(self, logger: log.Log) -> str:
        return ""


def step(client: api.Api, own: pod.Pod, server: member.Member, words: Sequence[str], clock: Clock) -> Any:
    """As agent/commands.py runs it."""
    seen = server.observe()
    if seen is None or seen.role() != names.ROLE_PRIMARY:
        raise errors.Refused(
            [errors.Reason("not-primary", f"{own.me.pod} is not the primary", "run the command again")]
        )
    return rotation.Rotation(client, own, *words[1:]).step(words[0], clock)

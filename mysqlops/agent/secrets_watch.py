"""Takes over what the Secrets hold now: passwords into this pod's memory, the certificate into mysqld."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.agent import api, certificates, log, member, pod, rotation, vault


class SecretsWatch:
    """One member's watch; `loaded` names the certificate that its mysqld has loaded, `until` says when it and its CA
    run out, `trouble` what cannot be taken."""

    def __init__(self, client: api.Api, own: pod.Pod, server: member.Member) -> None:
        self._api, self._pod, self._member = client, own, server
        self._certificates = certificates.Certificates(client, own.me)
        self._vault = vault.Vault(client, own.me.cluster)
        self._tried: list[str] = []
        self.loaded, self.until = certificates.fingerprint(), certificates.ends()
        self.trouble = ""

    def look(self, words: log.Log) -> None:
        """Raises KubeError; whatever else fails is said and tried again at the next look."""
        try:
            if rotation.refresh(self._api, self._pod):
                words.say("took over the passwords that the Secret holds now")
            if self._certificates.refresh() or certificates.fingerprint() != self.loaded:
                self._member.reload_tls()
                self.loaded, self.until = certificates.fingerprint(), certificates.ends()
                words.say("loaded the certificate that the Secret holds now")
            self._vault.complete_application(certificates.ca())
            rotation.check_application(self._api, self._pod, self._tried)
            self.trouble = ""
        except errors.Conflict:
            pass  # another member did the same just now
        except (errors.MysqlError, errors.StepFailed, errors.ConfigError, OSError) as error:
            self.trouble = str(error)
        words.say_if_new("secrets", self.trouble and f"could not take over the Secrets: {self.trouble}")

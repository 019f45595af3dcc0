"""Takes over what the Secrets hold now: passwords into this pod's memory, the certificate into mysqld."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.agent import api, certificates, log, member, pod, rotation
from mysqlops.core import names


class SecretsWatch:
    """One member's watch; `loaded` names the certificate that its mysqld has loaded, `trouble` what cannot be taken."""

    def __init__(self, client: api.Api, own: pod.Pod, server: member.Member) -> None:
        self._api, self._pod, self._member = client, own, server
        self._certificates = certificates.Certificates(client, own.me)
        self.loaded = certificates.fingerprint()
        self.trouble = ""

    def look(self, words: log.Log) -> None:
        """Raises KubeError; whatever else fails is said and tried again at the next look."""
        try:
            if rotation.refresh(self._api, self._pod):
                words.say("took over the passwords that the Secret holds now")
            if self._certificates.refresh() or certificates.fingerprint() != self.loaded:
                self._member.reload_tls()
                self.loaded = certificates.fingerprint()
                words.say("loaded the certificate that the Secret holds now")
            if self._member.drop_expired(names.USER_ADOPT):
                words.say("dropped the account of an adopt whose time is over")
            self.trouble = ""
        except (errors.MysqlError, errors.StepFailed, errors.ConfigError, OSError) as error:
            self.trouble = str(error)
        try:
            if self._pod.is_denied:
                self._pod.admit()
        except (errors.MysqlError, errors.ConfigError) as error:
            words.say_if_new("door", f"no way in by the administrative interface yet: {error}")
        words.say_if_new("secrets", self.trouble and f"could not take over the Secrets: {self.trouble}")

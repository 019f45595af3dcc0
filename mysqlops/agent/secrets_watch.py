"""Adopts what the Secrets hold now: passwords into this pod's memory, the certificate into mysqld. Deleted values are
restored from memory; then the accounts are compared with it."""

from __future__ import annotations

from mysqlops import errors
from mysqlops.agent import (
    accounts_watch,
    api,
    certificates,
    credentials,
    exporter,
    group_lease,
    log,
    member,
    pod,
    rotation,
    vault,
)
from mysqlops.core import names, ordered, view
from mysqlops.core import rotation as stages


class SecretsWatch:
    """One member's watch; `loaded` names the certificate that its mysqld has loaded, `until` says when it and its CA
    expire, `trouble` what cannot be adopted, `missing` what is missing (and `knows_missing` if this pod could restore
    it), `accounts` what is wrong with the accounts."""

    def __init__(self, client: api.Api, own: pod.Pod, server: member.Member) -> None:
        self._api, self._pod, self._member = client, own, server
        self._certificates = certificates.Certificates(client, own.me)
        self._accounts = accounts_watch.AccountsWatch(own, self._is_rotation_noted)
        self._exporter = exporter.Exporter(own)
        self._vault = vault.Vault(client, own.me.cluster)
        self.loaded, self.until = certificates.fingerprint(), certificates.ends()
        self.trouble = self.missing = self.accounts = ""
        self.knows_missing = False
        self._held: vault.Held | None = None  # as read at this look
        self._stage = ""  # of a rotation, as read at this look; empty unless the passwords were adopted

    def look(self, logger: log.Log, record: view.GroupRecord | None) -> None:
        """`record` is the Lease as last read. Raises KubeError; any other failure is logged and retried at the next
        look."""
        missing, troubles, self._stage, self._held = "", list[str](), "", None
        for take in (self._take_passwords, self._take_certificate, self._give_exporter):
            try:
                missing = missing or take(logger)
            except errors.Conflict:
                pass  # another member did the same just now
            except errors.NotFound:
                missing = f"Secret {', '.join(self._vault.absent())} does not exist"
            except (errors.MysqlError, errors.StepFailed, errors.ConfigError, OSError) as error:
                troubles.append(str(error))
        self.knows_missing = bool(missing) and all(map(self._pod.find, credentials.KEYS))
        self.missing, self.trouble = missing, "; ".join(troubles)
        if not missing and self._stage:  # else this pod may have the passwords from before a rotation
            self._watch_accounts(logger, record)
        self._open_door(logger, record)
        logger.say_if_new("missing", missing)
        logger.say_if_new("secrets", self.trouble and f"could not adopt the Secrets: {self.trouble}")
        logger.say_if_new("accounts", self.accounts)

    def _open_door(self, logger: log.Log, record: view.GroupRecord | None) -> None:
        """Drop the account of a killed adopt, and let the agent in by the administrative interface."""
        try:
            if self._member.drop_expired(names.USER_ADOPT, record):
                logger.say("dropped the expired account of an adopt")
            if self._pod.is_denied:
                self._pod.admit(record)
        except (errors.MysqlError, errors.ConfigError) as error:
            logger.say_if_new("door", f"the administrative interface is not usable yet: {error}")

    def _take_passwords(self, logger: log.Log) -> str:
        held = self._held = self._vault.read()
        put_back, missing = rotation.put_back(self._vault, self._pod, held)
        if put_back:
            logger.say(f"the Secrets did not hold {', '.join(put_back)}: restored it")
        if rotation.refresh(self._pod, held):
            logger.say("adopted the passwords that the Secrets hold now")
        self._stage = stages.stage_of(held.values)
        return self._vault.without(missing)

    def _take_certificate(self, logger: log.Log) -> str:
        if self._certificates.refresh() or certificates.fingerprint() != self.loaded:
            self._member.reload_tls()
            self.loaded, self.until = certificates.fingerprint(), certificates.ends()
            logger.say("loaded the certificate that the Secret holds now")
        ca = certificates.ca()  # which every member has loaded by now
        if self._held is None or not self._vault.is_complete(self._held, ca):
            self._vault.complete_application(ca)
        return ""

    def _give_exporter(self, logger: log.Log) -> str:
        self._exporter.look(logger)
        return ""

    def _is_rotation_noted(self) -> bool | None:
        """None if that is unknown: the Lease cannot be read, or somebody deleted it with all its notes."""
        try:
            lease = group_lease.read(self._api, self._pod.me.cluster)
        except errors.KubeError:
            return None
        return ordered.is_rotating(lease["metadata"].get("annotations") or {})

    def _watch_accounts(self, logger: log.Log, record: view.GroupRecord | None) -> None:
        try:
            self._accounts.look(logger.say, record, self._stage)
            self.accounts = self._accounts.trouble
        except errors.ConnectFailed:
            self.accounts = ""  # a server that is down is reported elsewhere
        except (errors.MysqlError, errors.ConfigError) as error:
            self.accounts = str(error)

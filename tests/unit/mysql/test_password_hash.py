"""What mysql.user keeps of a password, compared without a login."""

from __future__ import annotations

import time

from mysqlops.core import setting_rules
from mysqlops.mysql import own_accounts, password_hash


def test_a_hash_is_of_its_password_alone() -> None:
    stored = password_hash.of("secret")
    assert own_accounts.matches([stored], "secret")
    assert own_accounts.matches([password_hash.native("secret")], "secret")
    assert own_accounts.matches([stored], "Secret") is False
    assert own_accounts.matches([], "secret") is False


def test_a_server_cannot_keep_its_agent_busy_with_rounds() -> None:
    """The agent's thread that moves labels compares; millions of rounds take half a minute."""
    costly = password_hash.of("secret").replace("$A$005$", "$A$FFF$")
    began = time.process_time()
    assert own_accounts.matches([password_hash.of("secret"), costly], "secret") is None
    assert time.process_time() - began < 1
    assert password_hash.is_cheap(costly.replace("FFF", f"{password_hash.MOST_ROUNDS // 1000:03X}"))
    name = "caching_sha2_password_digest_rounds"
    assert setting_rules.refused_because(name, "4095000")
    assert setting_rules.refused_because(name, str(password_hash.MOST_ROUNDS)) is None

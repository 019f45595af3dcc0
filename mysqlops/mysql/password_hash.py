"""The hash formats of mysql.user: with them a file of statements does not need the password, and a reader of that table
can compare passwords without logging in.

It is SHA-crypt (https://www.akkadia.org/drepper/SHA-crypt.txt) with 5000 rounds and a salt of 20 characters:
https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha1, sha256

_ROUNDS, MOST_ROUNDS = 5000, 100_000
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Which bytes of the digest make each group of four characters.
_GROUPS = [(0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17)]
_GROUPS += [(18, 28, 8), (9, 19, 29)]
# caching_sha2_password's has thousands of rounds (hexadecimal), sha256_password's always 5000. Salts may be anything.
_SHA = re.compile(r"\$(?:A\$(?P<thousands>[0-9A-F]{3})|5)\$(?P<salt>.{20})\$?(?P<text>[./0-9A-Za-z]{43})", re.DOTALL)


def of(password: str) -> str:
    """The hash as in mysql.user, with a new salt; nothing in it needs quoting."""
    salt = secrets.token_urlsafe(15)
    return f"$A$005${salt}{_text(_digest(password.encode(), salt.encode(), _ROUNDS))}"


def native(password: str) -> str:
    """The hash of mysql_native_password."""
    return f"*{sha1(sha1(password.encode()).digest()).hexdigest().upper()}"  # noqa: S324 (the plugin's choice)


def is_cheap(stored: str) -> bool:
    """Whether `is_of` takes less than a second: the server chooses the number of rounds."""
    found = _SHA.fullmatch(stored)
    return not (found and found["thousands"]) or int(found["thousands"], 16) * 1000 <= MOST_ROUNDS


def is_of(stored: str, password: str) -> bool:
    """Whether mysql.user's value is a hash of that password; also False for plugins other than the server's own. Takes
    a few milliseconds per 5000 rounds."""
    if found := _SHA.fullmatch(stored):
        rounds = int(found["thousands"], 16) * 1000 if found["thousands"] else _ROUNDS
        text = _text(_digest(password.encode(), found["salt"].encode(), rounds))
        return hmac.compare_digest(text, found["text"])
    return hmac.compare_digest(stored.encode(), native(password).encode())


def _digest(password: bytes, salt: bytes, rounds: int) -> bytes:
    inner = sha256(password + salt + password).digest()
    first = sha256(password + salt + _filled(inner, len(password)))
    bits = len(password)
    while bits:
        first.update(inner if bits & 1 else password)
        bits >>= 1
    digest = first.digest()
    p = _filled(sha256(password * len(password)).digest(), len(password))
    s = _filled(sha256(salt * (16 + digest[0])).digest(), len(salt))
    for turn in range(rounds):
        parts = p if turn & 1 else digest
        parts += (s if turn % 3 else b"") + (p if turn % 7 else b"")
        digest = sha256(parts + (digest if turn & 1 else p)).digest()
    return digest


def _filled(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _text(digest: bytes) -> str:
    groups = [(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _GROUPS]
    groups.append((digest[31] << 8 | digest[30], 3))
    return "".join(_ALPHABET[value >> 6 * place & 63] for value, count in groups for place in range(count))

"""The form in which caching_sha2_password keeps a password, so that a file of statements need not hold the password.

It is SHA-crypt (https://www.akkadia.org/drepper/SHA-crypt.txt) with 5000 rounds and a salt of 20 characters:
https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
"""

from __future__ import annotations

import secrets
from hashlib import sha256

_ROUNDS = 5000
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Which bytes of the digest make each group of four characters.
_GROUPS = [(0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17)]
_GROUPS += [(18, 28, 8), (9, 19, 29)]


def of(password: str) -> str:
    """As in mysql.user, with a new salt; nothing in it needs quoting."""
    salt = secrets.token_urlsafe(15)
    return f"$A$005${salt}{_text(_digest(password.encode(), salt.encode()))}"


def _digest(password: bytes, salt: bytes) -> bytes:
    inner = sha256(password + salt + password).digest()
    first = sha256(password + salt + _filled(inner, len(password)))
    bits = len(password)
    while bits:
        first.update(inner if bits & 1 else password)
        bits >>= 1
    digest = first.digest()
    p = _filled(sha256(password * len(password)).digest(), len(password))
    s = _filled(sha256(salt * (16 + digest[0])).digest(), len(salt))
    for turn in range(_ROUNDS):
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

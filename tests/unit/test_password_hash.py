"""Passwords compared with what mysql.user holds of them."""

from __future__ import annotations

import pytest

from mysqlops.mysql import password_hash


def test_what_is_made_is_recognised() -> None:
    stored = password_hash.of("secret")
    assert password_hash.is_of(stored, "secret")
    assert not password_hash.is_of(stored, "Secret")
    assert password_hash.of("secret") != stored


def test_more_rounds_are_another_hash() -> None:
    stored = password_hash.of("secret")
    assert not password_hash.is_of(stored.replace("$A$005$", "$A$006$"), "secret")


def test_the_native_plugins() -> None:
    """https://dev.mysql.com/doc/refman/8.4/en/native-pluggable-authentication.html"""
    stored = "*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9"
    assert password_hash.native("123456") == stored
    assert password_hash.is_of(stored, "123456")


@pytest.mark.parametrize("stored", ["", "$A$005$short", "cn=app,dc=example", "*", "ü"])
def test_of_what_another_plugin_keeps_no_password_is_right(stored: str) -> None:
    assert not any(password_hash.is_of(stored, text) for text in ("", "secret", stored))

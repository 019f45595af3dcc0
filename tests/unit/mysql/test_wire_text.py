"""Text of a server that is no UTF-8 goes through unchanged, and ends nothing."""

from __future__ import annotations

import codecs
import json

import pytest

from mysqlops import errors
from mysqlops.mysql import answer, wire_text


@pytest.mark.parametrize("sent", [b"", b"plain", "ä日𝄞".encode(), b"_binary'\xe4\xff'", bytes(range(256))])
def test_bytes_are_the_same_bytes_again(sent: bytes) -> None:
    assert wire_text.encode(wire_text.decode(sent)) == sent
    assert codecs.decode(sent, wire_text.CODEC).encode(wire_text.CODEC) == sent


def test_what_is_printed_or_stored_is_utf_8() -> None:
    text = wire_text.decode(b"SELECT _binary'\xe4', '\xc3\xa4'")
    assert wire_text.printable(text) == r"SELECT _binary'\udce4', 'ä'"
    assert json.loads(json.dumps(wire_text.printable(text)).encode()) == wire_text.printable(text)


def test_an_error_that_repeats_a_statement_can_be_written_down() -> None:
    with pytest.raises(errors.ConnectFailed) as failed, answer.mapped("here", wire_text.decode(b"SELECT '\xff'")):
        raise OSError(5, "no reply")
    str(failed.value).encode()

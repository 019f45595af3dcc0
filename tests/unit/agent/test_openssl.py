"""What openssl prints, read without it."""

from __future__ import annotations

import pytest

from mysqlops import errors
from mysqlops.agent import openssl
from mysqlops.core import instant


@pytest.mark.parametrize(
    ("printed", "moment"),
    [
        ("notAfter=Nov 28 14:03:56 2026 GMT\n", "2026-11-28T14:03:56Z"),
        ("notAfter=Jan  1 00:00:00 1970 GMT\n", "1970-01-01T00:00:00Z"),
        ("notAfter=Dec 31 23:59:59 9999 GMT", "9999-12-31T23:59:59Z"),
        ("notAfter=Feb 29 12:00:00 2028 GMT", "2028-02-29T12:00:00Z"),
    ],
)
def test_the_end_of_a_certificate_is_a_moment(printed: str, moment: str) -> None:
    assert instant.text(openssl._moment(printed)) == moment


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "notAfter=",
        "notAfter=Bad time value",
        "notAfter=Nov 31 14:03:56 2026 GMT",
        "notAfter=Nov 28 14:03:56 2026 CET",
    ],
)
def test_anything_else_is_no_certificates_end(printed: str) -> None:
    with pytest.raises(errors.StepFailed, match="no end of a certificate"):
        openssl._moment(printed)

"""Values of Secrets, which anybody in the namespace may have written."""

from __future__ import annotations

import base64

import pytest

from mysqlops.core import secret_map
from mysqlops.errors import ConfigError


def test_values_survive_the_way_into_a_secret_and_back() -> None:
    data = secret_map.encoded({"a": "ключ", "gone": None})
    assert data["gone"] is None
    assert secret_map.texts({"data": {"a": data["a"]}}) == {"a": "ключ"}
    assert secret_map.text(None, "a") == ""


@pytest.mark.parametrize("value", [base64.b64encode(b"\xff\xfe").decode(), "é"])
def test_a_value_that_is_no_text_is_named(value: str) -> None:
    secret = {"metadata": {"name": "s3-keys"}, "data": {"AWS_SECRET_ACCESS_KEY": value}}
    with pytest.raises(ConfigError, match="Secret s3-keys: key AWS_SECRET_ACCESS_KEY: expected text in UTF-8"):
        secret_map.texts(secret)

"""What others raise or answer becomes one of our errors: nothing of the API server's or MySQL's is unmapped."""

from __future__ import annotations

import inspect

import pymysql
import pytest

from mysqlops import errors
from mysqlops.core import kube_status
from mysqlops.mysql import answer

_BODY = b'{"kind": "Status", "message": "no"}'


def test_every_status_of_the_api_server_is_an_error_of_it() -> None:
    special = {401: errors.Forbidden, 403: errors.Forbidden, 404: errors.NotFound, 409: errors.Conflict}
    special |= {400: errors.Invalid, 422: errors.Invalid}
    for status in range(300, 600):
        found = kube_status.failure("GET /x", status, _BODY)
        assert str(found) == f"GET /x: {status} no"
        assert type(found) is special.get(status, errors.KubeError)


def test_a_body_that_is_no_status_is_not_repeated() -> None:
    assert "secret" not in str(kube_status.failure("GET /x", 500, b'{"data": "secret"}'))
    assert "secret" not in str(kube_status.failure("GET /x", 500, b"secret"))


_FOREIGN = [kind for _, kind in inspect.getmembers(pymysql.err, inspect.isclass) if issubclass(kind, pymysql.err.Error)]


@pytest.mark.parametrize("kind", [*_FOREIGN, OSError, TimeoutError, ConnectionResetError])
@pytest.mark.parametrize("words", [(), ("broken",), (1045, "denied"), (2013, "lost"), (1064, "syntax")])
def test_every_error_of_the_driver_is_one_of_mysql(kind: type[Exception], words: tuple[object, ...]) -> None:
    with pytest.raises(errors.MysqlError), answer.mapped("mysql-0", "SELECT 1"):
        raise kind(*words)
    with pytest.raises(errors.MysqlError) as secret, answer.mapped("mysql-0", "ALTER USER", secret=True):
        raise kind(1064, "near 'password'")
    assert "password" not in str(secret.value)

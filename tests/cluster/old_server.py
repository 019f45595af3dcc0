"""A tutorial's MySQL: one pod with its password in the environment."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.cluster.conftest import LOCKED, Namespace, eventually

PASSWORD = 'pa"ss\\word of 1999'
FROM = ("--from", "old", "--password-secret", "old:MYSQL_ROOT_PASSWORD", "--ca", "old-ca", "--ssl-mode", "verify-ca")
START = """
[ -d /var/lib/mysql/data ] || mysqld --no-defaults --datadir=/var/lib/mysql/data --initialize-insecure
printf "CREATE USER IF NOT EXISTS root@'%%' IDENTIFIED BY '%s'; GRANT ALL ON *.* TO root@'%%' WITH GRANT OPTION;" \
  "$(printf %s "$MYSQL_ROOT_PASSWORD" | sed 's/\\\\/\\\\\\\\/g')" >/tmp/init.sql
exec mysqld --no-defaults --datadir=/var/lib/mysql/data --socket=/tmp/mysqld.sock --pid-file=/tmp/pid --mysqlx=OFF \
  --init-file=/tmp/init.sql --secure-file-priv=NULL
"""


def _objects() -> list[dict[str, Any]]:
    labels = {"app": "old"}
    container = {
        "name": "mysql",
        "image": os.environ.get("MYSQLOPS_IMAGE", "mysql:9.7"),
        "command": ["sh", "-c", START],
        "env": [{"name": "MYSQL_ROOT_PASSWORD", "value": PASSWORD}],
        "securityContext": LOCKED,
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
    }
    security = {
        "runAsNonRoot": True,
        "runAsUser": 999,
        "runAsGroup": 999,
        "fsGroup": 999,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    stateful_set = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "old"},
        "spec": {
            "serviceName": "old",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"securityContext": security, "containers": [container]},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "old"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "old"}}
    return [
        stateful_set,
        {**service, "spec": {"selector": labels, "ports": [{"port": 3306}]}},
        {**secret, "stringData": {"MYSQL_ROOT_PASSWORD": PASSWORD, "wrong": "no"}},
    ]


def sql(namespace: Namespace, statements: str) -> str:
    words = ("exec", "-i", "old-0", "--", "mysql", "-uroot", "--socket=/tmp/mysqld.sock", "-N")
    return namespace.kubectl(*words, stdin=statements).strip()


def start(namespace: Namespace) -> None:
    """The server, and the Secret with the CA that it made for itself."""
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": _objects()}))
    words = ("exec", "old-0", "--", "mysql", "-uroot", "--socket=/tmp/mysqld.sock", "-e", "SELECT 1")
    eventually(lambda: "1" in namespace.kubectl(*words, check=False), "the old server", 120)
    ca = namespace.kubectl("exec", "old-0", "--", "cat", "/var/lib/mysql/data/ca.pem")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "old-ca"}, "stringData": {"ca.crt": ca}}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(secret))

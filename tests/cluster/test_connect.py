"""The Python of docs/how-to/connect.md, run in a pod as an application would: Secret mounted, certificate verified."""

from __future__ import annotations

import json
import re

import pytest

from tests.cluster.conftest import AGENT_IMAGE, LOCKED, SMALL, Namespace, eventually
from tests.docs.pages import DOCS

pytestmark = pytest.mark.long


def test_the_python_example_reads_and_writes(namespace: Namespace) -> None:
    namespace.must("deploy", "mysql", *SMALL, "--replicas", "1")
    example = re.findall(r"^```python\n(.*?)^```", (DOCS / "how-to" / "connect.md").read_text(), re.M | re.S)[0]
    program = (
        "import sys; sys.path.insert(0, '/agent/agent.pyz')\n"  # pymysql is in there
        f"{example}\n"
        "cursor = connection.cursor()\n"
        "cursor.execute('CREATE TABLE made (id INT PRIMARY KEY)')\n"
        "cursor.execute('INSERT INTO made VALUES (7)')\n"
        "connection.commit()\n"
        "cursor.execute(\"SET SESSION group_replication_consistency = 'BEFORE'\")\n"
        "cursor.execute('SELECT id, @@hostname FROM made')\n"
        "print(cursor.fetchall())\n"
    )
    secrets = {"name": "database", "mountPath": "/database", "readOnly": True}
    agent = {"name": "agent", "mountPath": "/agent", "readOnly": True}
    container = {"name": "app", "image": AGENT_IMAGE, "command": ["python3", "-c", program]}
    user = {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "restartPolicy": "Never",
        "securityContext": user,
        "containers": [{**container, "securityContext": LOCKED, "volumeMounts": [secrets, agent]}],
        "volumes": [
            {"name": "database", "secret": {"secretName": "mysql-app"}},
            {"name": "agent", "configMap": {"name": "mysql-agent"}},
        ],
    }
    metadata = {"name": "app", "labels": {"mysqlops.io/client": "mysql"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    phase = ("get", "pod", "app", "-o", "jsonpath={.status.phase}")
    eventually(lambda: namespace.kubectl(*phase) in ("Succeeded", "Failed"), "the program ends", 90)
    assert namespace.kubectl("logs", "app") == "((7, 'mysql-0'),)\n"

"""mysqlops tls"""

from __future__ import annotations

from mysqlops.cli import tree

tls = tree.group(
    __name__,
    "Rotate the certificate of the members, and the CA that signs it.",
    {
        "rotate": "Give the members a new certificate.",
    },
)

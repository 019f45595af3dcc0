"""Whether this member finds and reaches the others: by their names, and at the database's port. Changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from mysqlops.agent import pod, settings
from mysqlops.core import names

_STACK_BYTES = 256 << 10  # the usual 8 MiB each count for this program's limit of memory (slots.py)
_SECONDS = 2.5  # in all; a name server that is away keeps a thread for longer, which ends with the process


def look(own: pod.Pod, ordinals: Iterable[int]) -> list[list[str]]:
    """Each other member, the addresses that its name leads to, and what is wrong; empty if nothing is."""
    me: settings.Settings = own.me
    found = {ordinal: ["", f"no answer within {_SECONDS} s"] for ordinal in ordinals if ordinal != me.ordinal}

    def ask(ordinal: int) -> None:
        host = me.host(ordinal)
        try:
            addresses = ",".join(sorted(pod.addresses(host)))
        except OSError as error:
            found[ordinal] = ["", str(error.strerror or error)]
            return
        found[ordinal] = [addresses, f"no answer within {_SECONDS} s"]
        found[ordinal] = [addresses, "" if own.reaches(host) else "refused, or no answer"]

    threading.stack_size(_STACK_BYTES)
    threads = [threading.Thread(target=ask, args=(ordinal,), daemon=True) for ordinal in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_SECONDS / len(threads))
    return [[names.pod(me.cluster, ordinal), *words] for ordinal, words in dict(found).items()]

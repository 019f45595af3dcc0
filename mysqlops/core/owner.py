"""Whose an entry of a repository is: a backup, or a chunk of binary logs. Pure."""

from __future__ import annotations

# A cluster: its origin, name and namespace. An entry's seal was made with the key of the cluster that it names, so its
# origin alone, or its id, says nothing about whose it is.
Owner = tuple[str, str, str]


class Owned:
    """An entry of a repository belongs to one cluster, and to one history of it."""

    cluster: str
    namespace: str
    origin: str
    group: str

    @property
    def owner(self) -> Owner:
        return self.origin, self.cluster, self.namespace

    @property
    def history(self) -> tuple[Owner, str]:
        """A cluster, and the name under which it counted transactions (core/timeline.py)."""
        return self.owner, self.group

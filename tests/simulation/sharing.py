"""Parts of objects that all readers share, because copying them would be most of the work; they refuse changes."""

from __future__ import annotations

import json
from typing import Any

from mysqlops.core.typed import Json


class Frozen(dict[str, Any]):
    """A dict that readers share: it refuses changes, and a copy of it is an ordinary dict."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("this part of the object is shared between readers: copy it first")

    __setitem__ = __delitem__ = pop = popitem = clear = update = setdefault = __ior__ = _refuse

    def __copy__(self) -> Json:
        return dict(self)

    def __deepcopy__(self, _: object) -> Json:
        copy: Json = json.loads(json.dumps(self))
        return copy


class FrozenList(list[Any]):
    """A list that readers share."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("this part of the object is shared between readers: copy it first")

    __setitem__ = __delitem__ = append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __iadd__ = __imul__ = _refuse

    def __deepcopy__(self, _: object) -> list[Any]:
        copy: list[Any] = json.loads(json.dumps(self))
        return copy


_AS_THEY_ARE = frozenset({str, int, bool, float, type(None), Frozen, FrozenList})


def frozen(value: Any) -> Any:
    """The same value, of dicts and lists that can be shared."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, dict):
        return Frozen({key: frozen(inner) for key, inner in value.items()})
    return FrozenList([frozen(inner) for inner in value]) if isinstance(value, list) else value

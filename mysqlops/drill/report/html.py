"""Elements of HTML and SVG as text; everything that is not an element itself is escaped. Pure."""

from __future__ import annotations

import html


class Markup(str):
    """Text that is already markup."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """`class_` becomes class, `stroke_width` stroke-width; an attribute that is None is omitted."""
    pairs = [f' {_key(key)}="{html.escape(_text(value))}"' for key, value in attributes.items() if value is not None]
    inner = "".join(child if isinstance(child, Markup) else html.escape(_text(child)) for child in children)
    if not children and name in _VOID:
        return Markup(f"<{name}{''.join(pairs)}>")
    return Markup(f"<{name}{''.join(pairs)}>{inner}</{name}>")


def join(*parts: Markup) -> Markup:
    return Markup("".join(parts))


def table(heads: list[str], rows: list[list[object]], *, class_: str | None = None) -> Markup:
    """The first column names the rows."""
    head = element("tr", *(element("th", head, scope="col") for head in heads))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    return element(
        "div", element("table", element("thead", head), element("tbody", *body), class_=class_), class_="wide"
    )


def _key(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _text(value: object) -> str:
    """Coordinates need no more than a hundredth."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


_VOID = {"meta", "br", "hr", "link"}

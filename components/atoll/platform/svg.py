"""The graph of an environment as an SVG image, for pages that draw no Mermaid and for fleets too large for it. Pure.

It needs no fonts or scripts of its own, and says in its description what it shows, for who does not see it.

Source: https://www.w3.org/TR/SVG11, and https://www.w3.org/TR/svg-aam-1.0 for how an image is named
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never
from xml.etree import ElementTree as ET

from rich.cells import cell_len

from atoll.platform import layers
from atoll.platform.graph import Edge, Key, Kind, Node
from atoll.platform.layers import Spot

_SIZE, _LINE = 13, 17
_CHARACTER = 0.61 * _SIZE
"""What fonts of one width take for a character, the widest of them."""
_HEIGHT, _PADDING, _SLANT = 42, 14, 12
_GAP, _LANE = 14, 10
"""Between two boxes, and what a way takes that goes by."""
_BETWEEN, _MARGIN, _HEAD = 90, 20, 56
_STYLE = f"""
text {{ font: {_SIZE}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; text-anchor: middle; fill: #1f2328; }}
.more {{ font-size: {_SIZE - 2}px; fill: #57606a; }}
.name {{ font-weight: bold; }}
.left {{ text-anchor: start; }}
.box {{ stroke-width: 1.5; }}
.control-plane {{ fill: #fff8c5; stroke: #9a6700; }}
.group {{ fill: #ddf4ff; stroke: #0969da; }}
.cluster {{ fill: #dafbe1; stroke: #1a7f37; }}
.delivery {{ fill: #fbefff; stroke: #8250df; }}
.way {{ fill: none; stroke: #57606a; stroke-width: 1.2; }}
.delivers {{ stroke: #8250df; stroke-dasharray: 4 4; }}
"""
_LEGEND = "Lines lead from the plane to groups and to the clusters in them, dashes from what is delivered to where it goes."
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def svg(drawn: Sequence[Node | Edge], environment: str) -> str:
    """The image, groups left of what is in them."""
    nodes: dict[Spot, Node] = {each.key: each for each in drawn if isinstance(each, Node)}
    edges = [each for each in drawn if isinstance(each, Edge)]
    found = layers.columns(list(nodes.values()), edges)
    sizes = {
        spot: float(_HEIGHT + _GAP if spot in nodes else _LANE) for each in found.columns for spot in each
    }
    middles = layers.heights(found, sizes)
    spans = _spans(found.columns, nodes)
    title = f"{environment}: its groups and clusters, and what goes where"
    right = max(*(right for _, right in spans.values()), _MARGIN + _CHARACTER * len(_LEGEND))
    bottom = max(middle + sizes[spot] / 2 for spot, middle in middles.items())
    root = _image(right + _MARGIN, _HEAD + bottom + _MARGIN)
    _say(root, title, " ".join(_told(nodes, edges)))
    drawing = _add(root, "g", transform=f"translate(0 {_HEAD})")
    for edge, way in zip(edges, found.ways, strict=True):
        kind = "way delivers" if edge.delivers else "way"
        _add(drawing, "path", d=_path([(*spans[each], middles[each]) for each in way])).set("class", kind)
    for spot, node in nodes.items():
        _box(drawing, node, *spans[spot], middles[spot])
    ET.indent(root)
    return f"{ET.tostring(root, encoding='unicode')}\n"


def _spans(columns: Sequence[Sequence[Spot]], nodes: Mapping[Spot, Node]) -> dict[Spot, tuple[float, float]]:
    """Where each begins and ends from left to right; all of a column are as wide as its widest."""
    found: dict[Spot, tuple[float, float]] = {}
    left = float(_MARGIN)
    for column in columns:
        wide = max((_wide(nodes[spot]) for spot in column if spot in nodes), default=0)
        found |= dict.fromkeys(column, (left, left + wide))
        left += wide + _BETWEEN
    return found


def _wide(node: Node) -> float:
    return max(cell_len(node.name), cell_len(node.more)) * _CHARACTER + 2 * (_PADDING + _SLANT)


def _image(width: float, height: float) -> ET.Element:
    wide, high = _number(width), _number(height)
    sizes = {"width": wide, "height": high, "viewBox": f"0 0 {wide} {high}"}
    return ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **sizes})


def _say(root: ET.Element, title: str, told: str) -> None:
    """Names the image, for readers of all kinds."""
    root.set("role", "img")
    root.set("aria-labelledby", "title")
    root.set("aria-describedby", "description")
    _add(root, "title", title, id="title")
    _add(root, "desc", told, id="description")
    _add(root, "style", _STYLE)
    _add(root, "rect", width="100%", height="100%", fill="#ffffff")
    for at, (kind, text) in enumerate((("left name", title), ("left more", _LEGEND)), start=1):
        _add(root, "text", text, x=str(_MARGIN), y=str(_MARGIN * at)).set("class", kind)


def _told(nodes: Mapping[Spot, Node], edges: Iterable[Edge]) -> Iterator[str]:
    """What the image shows, in sentences: what is in what, and what goes where."""
    targets: dict[Key, list[str]] = {}
    verbs: dict[Key, str] = {}
    for edge in edges:
        targets.setdefault(edge.source, []).append(" ".join(edge.target))
        verbs[edge.source] = "goes to" if edge.delivers else "leads to"
    for key, node in nodes.items():
        if isinstance(key, tuple) and key in targets:
            yield f"{' '.join(node.key)} {verbs[key]} {', '.join(targets[key])}."


def _path(places: Sequence[tuple[float, float, float]]) -> str:
    """A way through places, each with its left, right and middle: level in a column, a curve between two."""
    (_, right, y), *others = places
    drawn = [f"M{_number(right)} {_number(y)}"]
    for left, end, middle in others:
        half = _number((right + left) / 2)
        drawn.append(f"C{half} {_number(y)} {half} {_number(middle)} {_number(left)} {_number(middle)}")
        right, y = end, middle
        drawn.append(f"H{_number(right)}")
    # It ends at the left of the last one.
    return "".join(drawn[:-1])


def _box(drawing: ET.Element, node: Node, left: float, right: float, middle: float) -> None:
    made = _add(drawing, "g", id="-".join(node.key))
    _add(made, "title", ": ".join(filter(None, (" ".join(node.key), node.more))))
    _shape(made, node.kind, left, right, middle).set("class", f"box {node.kind}")
    x, y = (left + right) / 2, middle + _SIZE / 3
    lines = [("name", node.name), *([("more", node.more)] if node.more else [])]
    top = y - _LINE * (len(lines) - 1) / 2
    for number, (kind, text) in enumerate(lines):
        _add(made, "text", text, x=_number(x), y=_number(top + _LINE * number)).set("class", kind)


def _shape(made: ET.Element, kind: Kind, left: float, right: float, middle: float) -> ET.Element:
    """A box: the shapes are Mermaid's."""
    top, bottom = middle - _HEIGHT / 2, middle + _HEIGHT / 2
    match kind:
        case Kind.GROUP | Kind.CLUSTER:
            round_ = _HEIGHT / 2 if kind is Kind.GROUP else 3
            size = {"width": _number(right - left), "height": str(_HEIGHT), "rx": _number(round_)}
            return _add(made, "rect", x=_number(left), y=_number(top), **size)
        case Kind.CONTROL_PLANE:
            above, below = (
                [(left + _SLANT, top), (right - _SLANT, top)],
                [(right - _SLANT, bottom), (left + _SLANT, bottom)],
            )
            corners = [*above, (right, middle), *below, (left, middle)]
        case Kind.DELIVERY:
            corners = [(left + _SLANT, top), (right, top), (right - _SLANT, bottom), (left, bottom)]
        case _:
            assert_never(kind)
    return _add(made, "polygon", points=" ".join(f"{_number(x)},{_number(y)}" for x, y in corners))


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    """An element in another one. What XML cannot write is no part of a text."""
    made = ET.SubElement(parent, tag, attributes)
    made.text = _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text) if text else None
    return made


def _number(value: float) -> str:
    """A length in few digits, the same on each machine."""
    return f"{value:.1f}".removesuffix(".0")

"""The graph of an environment as a Mermaid flowchart. Pure.

Source: https://mermaid.js.org/syntax/flowchart.html
"""

from collections.abc import Iterable

from atoll.platform.graph import Edge, Key, Kind, Node

_SHAPES = {
    Kind.CONTROL_PLANE: ("{{", "}}"),
    Kind.GROUP: ("([", "])"),
    Kind.CLUSTER: ("[", "]"),
    Kind.DELIVERY: ("[/", "/]"),
}


def mermaid(drawn: Iterable[Node | Edge]) -> str:
    """The flowchart: groups lead to their children and clusters, what is delivered leads to where it goes."""
    lines = (_edge(each) if isinstance(each, Edge) else _node(each) for each in drawn)
    return "\n".join(["flowchart LR", *(f"  {line}" for line in lines)]) + "\n"


def _node(node: Node) -> str:
    """Names and labels hold no quotes."""
    begin, end = _SHAPES[node.kind]
    text = f"{node.name}<br/>{node.more}" if node.more else node.name
    return f'{_id(node.key)}{begin}"{text}"{end}'


def _edge(edge: Edge) -> str:
    return f"{_id(edge.source)} {'-.->' if edge.delivers else '-->'} {_id(edge.target)}"


def _id(key: Key) -> str:
    """A node's id: no word of Mermaid's, such as `end`, and no dashes, which are its arrows. Names hold no underscores."""
    return "_".join(("n", *key)).replace("-", "_")

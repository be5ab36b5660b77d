"""YAML text as a tree with line numbers. Pure.

What YAML leaves open is closed here: a key stands once and is text, a value is one that JSON has. Scalars read
as kubectl and Ansible read them (YAML 1.1: `yes` is true, 0644 is octal), but dates and 12:30 stay text.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from atoll.platform import tree
from atoll.platform.problems import Problem, shown
from atoll.platform.tree import Mark, Node, Path

_LIMIT = 100_000
"""Values in one file; aliases of aliases would otherwise fill the memory from a few lines."""
_DEPTH = 100
_TOO_DEEP = f"found values nested more than {_DEPTH} deep; expected an inventory"
_CORE = "tag:yaml.org,2002:"
_SCALARS = frozenset(_CORE + name for name in ("str", "int", "float", "bool", "null"))
_CONTAINERS = frozenset(_CORE + name for name in ("map", "seq"))
_MERGE = f"{_CORE}merge"
_BASE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9_]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*\.")


class _Unfit(Exception):  # noqa: N818 - it never leaves this module
    """The file as a whole is no inventory."""

    def __init__(self, line: int, text: str) -> None:
        self.line, self.text = line, text
        super().__init__(text)


def read(text: str, file: str, layer: int) -> tuple[Node | None, list[Problem]]:
    """The tree of a file, and what is wrong with its YAML; no tree where it is no map at all."""
    reader = _Reader(file, layer)
    try:
        root = _composed(text)
        if root is None:
            return None, [reader.problem(1, (), "found nothing; expected a map")]
        if not isinstance(root, yaml.MappingNode):
            value = "a list" if isinstance(root, yaml.SequenceNode) else shown(root.value or None)
            return None, [reader.problem(1, (), f"found {value}; expected a map")]
        node = reader.node(root, (), 1)
    except _Unfit as error:
        return None, [*reader.problems, reader.problem(error.line, (), error.text)]
    return node, reader.problems


def _composed(text: str) -> yaml.Node | None:
    try:
        _refuse_depth(text)
        return _compose(text, _BASE)
    except yaml.YAMLError:
        pass
    # Only the parser in Python gives a text that does not depend on how PyYAML was built.
    try:
        return _compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Unfit(mark.line + 1 if mark else 1, _reason(error)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _Unfit(line, f"found the character #x{error.character:04x}; expected printable text") from error
    except RecursionError as error:
        raise _Unfit(1, _TOO_DEEP) from error


def _refuse_depth(text: str) -> None:
    """Follows the parser's events, which take no stack, before anything is built from them.

    PyYAML builds by recursion; in its C part 100,000 open brackets end the whole process.
    """
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_BASE):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH:
            raise _Unfit(int(event.start_mark.line) + 1, _TOO_DEEP)


def _compose(text: str, loader: Any) -> yaml.Node | None:
    return yaml.compose(text, Loader=loader)


def _reason(error: yaml.MarkedYAMLError) -> str:
    reason = error.problem or error.context or "unreadable"
    if r"'\t'" in reason:
        return "found a tab; expected spaces (YAML indents with spaces alone)"
    if error.context and "single document" in error.context:
        return "found a second document; expected one"
    return f"found no YAML ({reason}); expected a map"


class _Reader:
    """Turns the nodes of PyYAML into a tree and collects what is wrong on the way."""

    def __init__(self, file: str, layer: int) -> None:
        self.problems: list[Problem] = []
        self._file, self._layer = file, layer
        self._above: set[int] = set()
        self._count = 0

    def problem(self, line: int, path: Path, text: str) -> Problem:
        return Problem(Mark(self._layer, line, self._file), tree.dotted(path), text)

    def node(self, node: yaml.Node, path: Path, line: int) -> Node:
        """The tree of a node; `line` is that of its key or list item."""
        self._enter(node, line)
        value: Any
        if node.tag not in _SCALARS | _CONTAINERS and not _is_plain(node):
            self._add(line, path, f"found the tag {_tag(node.tag)}; expected plain YAML")
            value = None
        elif isinstance(node, yaml.MappingNode):
            value = dict(self._entries(node, path))
        elif isinstance(node, yaml.SequenceNode):
            value = [self.node(child, (*path, index), _line(child)) for index, child in enumerate(node.value)]
        else:
            value = self._scalar(node, path, line)
        self._above.discard(id(node))
        return Node(value, Mark(self._layer, line, self._file))

    def _enter(self, node: yaml.Node, line: int) -> None:
        self._count += 1
        if self._count > _LIMIT:
            raise _Unfit(line, f"found more than {_LIMIT} values (aliases of aliases); expected an inventory")
        if id(node) in self._above:
            raise _Unfit(line, "found an alias of what it stands in; expected no circle")
        self._above.add(id(node))

    def _entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Node]]:
        lines: dict[str, int] = {}
        for key_node, value_node in self._pairs(node, path):
            line = _line(key_node)
            key = self._key(key_node, path, line)
            if key is None:
                continue
            where = (*path, key)
            if key in lines:
                self._add(line, where, f"found it twice (first on line {lines[key]}); expected it once")
                continue
            lines[key] = line
            yield key, self.node(value_node, where, line)

    def _pairs(self, node: yaml.MappingNode, path: Path) -> list[tuple[yaml.Node, yaml.Node]]:
        """The entries of a map, first its own, then those of its merge keys (<<) that it does not have itself."""
        own = [(key, value) for key, value in node.value if key.tag != _MERGE]
        pairs = list(own)
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                self._enter(source, _line(key))
                known = {each.value for each, _ in pairs}
                pairs += [pair for pair in self._merged(source, path) if pair[0].value not in known]
                self._above.discard(id(source))
        return pairs

    def _merged(self, source: yaml.Node, path: Path) -> list[tuple[yaml.Node, yaml.Node]]:
        if isinstance(source, yaml.MappingNode):
            return self._pairs(source, path)
        self._add(_line(source), (*path, "<<"), f"found {shown(_value(source))}; expected a map to merge")
        return []

    def _key(self, node: yaml.Node, path: Path, line: int) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._add(line, path, f"found {_kind(node)} as a key; expected text")
            return None
        if node.tag not in {f"{_CORE}str", f"{_CORE}timestamp"}:
            self._add(line, path, f"found the key {node.value}; expected text. Put it in quotes")
            return None
        return str(node.value)

    def _scalar(self, node: yaml.Node, path: Path, line: int) -> Any:
        value = _value(node)
        if isinstance(value, float) and not math.isfinite(value):
            self._add(line, path, f"found {node.value}; expected a finite number")
            return None
        return value

    def _add(self, line: int, path: Path, text: str) -> None:
        self.problems.append(self.problem(line, path, text))


def _value(node: yaml.Node) -> Any:
    """A scalar as JSON has it; a number in a form that JSON's friends read as text stays text."""
    name, text = node.tag.removeprefix(_CORE), node.value
    constructor: Any = yaml.constructor.SafeConstructor()
    if name == "null":
        return None
    if name == "bool":
        return constructor.construct_yaml_bool(node)
    if name == "int" and _INTEGER.fullmatch(text):
        return constructor.construct_yaml_int(node)
    if name == "float" and (_FLOAT.fullmatch(text) or text.lower().lstrip("+-") in {".inf", ".nan"}):
        return constructor.construct_yaml_float(node)
    return text


def _is_plain(node: yaml.Node) -> bool:
    """Whether a scalar got its tag by its looks: dates, and the lone `=`, stay text."""
    return isinstance(node, yaml.ScalarNode) and node.tag in {f"{_CORE}timestamp", f"{_CORE}value"}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a map"


def _tag(tag: str) -> str:
    return tag.replace(_CORE, "!!")

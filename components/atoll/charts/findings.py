"""What is wrong with a chart: one line each, with its place and the name of its rule. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

CHART = "Chart.yaml"
LOCK = "Chart.lock"
VALUES = "values.yaml"
SCHEMA = "values.schema.json"
README = "README.md"

Path = tuple[str | int, ...]
"""The way to a value: keys of maps and indices of lists."""


class Rule(StrEnum):
    """The rules that a chart is held to; helm's own linter is one of them."""

    METADATA = "chart-metadata"
    VERSION = "chart-version"
    APP_VERSION = "app-version"
    SCHEMA = "values-schema"
    LOCKED = "dependencies-locked"
    DIGEST = "dependencies-digest"
    LINT = "helm-lint"
    RENDER = "helm-render"
    IMAGE = "image-pinned"
    RESTRICTED = "pod-restricted"
    DERIVED = "text-derived"


@dataclass(frozen=True, order=True)
class Finding:
    """One problem: a file of the chart, its line where that is known (else 0), what is wrong, by which rule."""

    file: str
    line: int
    text: str
    rule: Rule

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.text} [{self.rule}]"


class Text:
    """A file of a chart that is YAML or JSON, which knows the lines of its values."""

    def __init__(self, file: str, content: str) -> None:
        """Reads it.

        Raises:
            yaml.YAMLError: it is neither.
        """
        self.file, self._root = file, yaml.compose(content, yaml.SafeLoader)
        self.value: Any = yaml.safe_load(content)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of a value's key, or of the nearest thing above it that is there."""
        node, found = self._root, 1
        for step in path:
            child = _child(node, step)
            if child is None:
                break
            key, node = child
            found = key.start_mark.line + 1
        return found

    def finding(self, rule: Rule, path: Path, text: str) -> Finding:
        """A finding at a value."""
        return Finding(self.file, self.line(path), f"{dotted(path)}: {text}" if path else text, rule)


def unreadable(file: str, error: yaml.YAMLError, rule: Rule) -> Finding:
    """The finding of a file that a parser cannot read."""
    mark = getattr(error, "problem_mark", None)
    said = str(getattr(error, "problem", None) or error).splitlines()[0]
    return Finding(file, mark.line + 1 if mark else 0, f"found no YAML ({said}); expected a map", rule)


def dotted(path: Sequence[str | int]) -> str:
    """A path as people read it: `maintainers[0].name`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def shown(value: Any) -> str:
    """A value as a finding shows it, short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...{text[0]}"


_SHOWN = 80


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node that names a step (its key; of a list, the item itself), and the one that it leads to."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None

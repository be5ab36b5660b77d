"""What a chart's schema says, as its other two files: `values.yaml` and the README's table. Pure.

The schema is the one place where a value's type, default and reason stand; both files are derived from it. A chart has them
so where its values.yaml begins with `MARK`, and its README has `TABLE` under the heading of its values.
"""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

MARK = "# Derived from values.schema.json, which says of each value what it is, and why its default is so.\n"
_WIDTH = 110
_HEADING = "## Values\n"
_HEAD = "| value | default | what it is |"
TABLE = f"{_HEADING}\n{_HEAD}\n"
_Schema = dict[str, Any]


def values(schema: _Schema) -> str:
    """The chart's values.yaml: every default under its reason; what has none is told and left to the user."""
    return MARK + "".join(_section(schema, 0))


def readme(schema: _Schema, text: str) -> str:
    """The chart's README: what people wrote above the heading of its values, and a row for each of them."""
    head = text.partition(_HEADING)[0]
    rows = [_HEAD, "|---|---|---|", *_rows(schema, ())]
    return "\n".join([head + _HEADING, *rows, ""])


def leaves(schema: _Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], _Schema, bool]]:
    """Every value that a user may set: its path, its schema, and whether it must be set."""
    for name, child in schema.get("properties", {}).items():
        if "properties" in child:
            yield from leaves(child, (*path, name))
        elif name != "global":
            yield (*path, name), child, name in schema.get("required", ())


def _section(schema: _Schema, depth: int) -> Iterator[str]:
    for name, child in schema.get("properties", {}).items():
        if name == "global":
            continue
        if not depth:
            yield "\n"
        yield textwrap.indent(_told(_description(child), _WIDTH - 2 * depth), "  " * depth)
        if "properties" in child:
            yield f"{'  ' * depth}{name}:\n"
            yield from _section(child, depth + 1)
        elif "default" in child:
            yield textwrap.indent(yaml.safe_dump({name: child["default"]}, sort_keys=False), "  " * depth)
        else:
            yield f"{'  ' * depth}# {name}: required\n"


def _description(schema: _Schema) -> str:
    return str(schema.get("description", ""))


def _told(text: str, width: int) -> str:
    lines = textwrap.wrap(text, width - 2, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _rows(schema: _Schema, path: tuple[str, ...]) -> Iterator[str]:
    for name, child in schema.get("properties", {}).items():
        if name == "global":
            continue
        where = ".".join((*path, name))
        if "properties" in child:
            yield f"| **`{where}`** | | {_cell(_description(child))} |"
            yield from _rows(child, (*path, name))
        else:
            default = f"`{json.dumps(child['default'])}`" if "default" in child else "**required**"
            choice = f" One of {', '.join(f'`{each}`' for each in child['enum'])}." if "enum" in child else ""
            yield f"| `{where}` | {default} | {_cell(_description(child) + choice)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

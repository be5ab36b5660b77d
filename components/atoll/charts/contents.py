"""A chart as it lies in a folder or an archive: its default values and their schema."""

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atoll.core.errors import ArgsError
from atoll.helm import values as layers

SCHEMA, DEFAULTS = "values.schema.json", "values.yaml"


@dataclass(frozen=True)
class Contents:
    """A chart's name, and the parts of it that say what values it takes; `schema` is None where it has none."""

    name: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] | None = None


def read(chart: Path) -> Contents:
    """The parts of a chart.

    Raises:
        ArgsError: it is no chart, or one of them is broken.
    """
    if not chart.exists():
        raise ArgsError(f"chart: found no {str(chart)!r}; expected its folder or archive")
    metadata = _file(chart, "Chart.yaml")
    if metadata is None:
        raise ArgsError(f"chart: found no Chart.yaml in {str(chart)!r}; expected a chart")
    schema = _file(chart, SCHEMA)
    try:
        parsed = json.loads(schema) if schema else None
    except ValueError as error:
        raise ArgsError(f"{chart}/{SCHEMA}: found no JSON ({error}); expected a schema") from error
    name = str(layers.parsed(metadata, f"{chart}/Chart.yaml").get("name", ""))
    return Contents(name, layers.parsed(_file(chart, DEFAULTS) or "", f"{chart}/{DEFAULTS}"), parsed)


def _file(chart: Path, name: str) -> str | None:
    if chart.is_dir():
        path = chart / name
        return path.read_text(encoding="utf-8") if path.is_file() else None
    with tarfile.open(chart) as archive:
        for member in archive:
            if member.isfile() and member.name.split("/")[1:] == [name]:
                stream = archive.extractfile(member)
                return stream.read().decode() if stream else None
    return None

"""Charts that are wrong in one way: a whole chart, and cases that change its files."""

import shutil
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parents[1] / "golden" / "charts" / "checked"
BASE = _FOLDER / "base"
"""A chart that nothing is wrong with."""
CASES = sorted((_FOLDER / "cases").glob("*.yaml"))
"""One case in each: {file: what is in it}. A map is replacements in the base's file, null takes it away."""
NAME = "crab"


def base(folder: Path) -> Path:
    """A copy of the chart that nothing is wrong with, in a folder of its name."""
    return Path(shutil.copytree(BASE, folder / NAME))


def case(path: Path, folder: Path) -> Path:
    """The chart of a case."""
    chart = base(folder)
    for name, change in yaml.safe_load(path.read_text()).items():
        _change(chart / name, change)
    return chart


def _change(file: Path, change: Any) -> None:
    if change is None:
        file.unlink()
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(change, bytes):
        file.write_bytes(change)
    elif isinstance(change, str):
        file.write_text(change)
    else:
        text = file.read_text()
        for old, new in change.items():
            assert text.count(old), f"{file}: {old!r} is not in it"
            text = text.replace(old, new)
        file.write_text(text)

"""The environments of this checkout, each built once against the recording engine."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from atoll.platform import Platform, environments, load
from atoll.testing import Record, recording
from harness import helm

STACKS = Path(__file__).parents[2] / "stacks"
NAMES = environments(STACKS)


@functools.cache
def recorded(name: str) -> Record:
    """What one of them registers."""
    return built(STACKS, name)


def built(stacks: Path, name: str) -> Record:
    """What an environment from some folder registers."""
    declared = load(stacks, name)
    if declared.releases:
        # A program that has some renders them.
        helm.program()

    def program() -> None:
        Platform(declared)

    return recording.record(program, name)


def edited(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the stacks in a folder, with a change to the values of one environment's file."""
    stacks, charts = folder / "stacks", folder / "charts"
    shutil.copytree(STACKS, stacks)
    if not charts.exists():
        charts.symlink_to(STACKS.parent / "charts")
    path = stacks / f"{name}.yaml"
    values = yaml.safe_load(path.read_text())
    change(values)
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return stacks

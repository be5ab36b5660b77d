"""The environments of this checkout, each built once against the recording engine."""

import functools
from pathlib import Path

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

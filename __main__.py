"""The program of every environment: its inventory becomes resources."""

from pathlib import Path

import pulumi

from atoll.core.errors import AtollError
from atoll.platform import Platform, load

try:
    platform = Platform(load(Path(__file__).parent / "stacks", pulumi.get_stack()))
except AtollError as error:
    raise pulumi.RunError(str(error)) from error

for name, value in platform.outputs.items():
    pulumi.export(name, value)

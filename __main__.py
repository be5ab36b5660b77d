"""The program of every environment: its inventory becomes resources."""

# ruff: noqa: E402 - what loads after it loads a sixth faster: it makes many objects and no garbage
import gc

gc.disable()

from pathlib import Path

import pulumi

from atoll.automation import holding
from atoll.core.errors import AtollError
from atoll.platform import Platform, load

try:
    inventory = load(Path(__file__).parent / "stacks", pulumi.get_stack())
    holding.hold(inventory, previewing=pulumi.runtime.is_dry_run())
    platform = Platform(inventory)
except AtollError as error:
    raise pulumi.RunError(str(error)) from error

for name, value in platform.outputs.items():
    pulumi.export(name, value)

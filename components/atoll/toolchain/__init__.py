"""What a machine needs beside Python: finding each program, or building it once from its locked Go module."""

from atoll.toolchain.doctor import Report, examine
from atoll.toolchain.ensure import asset, ensure, find
from atoll.toolchain.progress import Event, Phase
from atoll.toolchain.table import Asset, Program, table

__all__ = ["Asset", "Event", "Phase", "Program", "Report", "asset", "ensure", "examine", "find", "table"]

"""What a machine needs beside Python: finding each program, or building it once from its locked Go module."""

from atoll.toolchain.doctor import Listed, Report, examine, listing
from atoll.toolchain.ensure import Source, asset, ensure, find, version
from atoll.toolchain.pins import Asset, Program, table
from atoll.toolchain.placing import place
from atoll.toolchain.progress import Event, Phase

__all__ = [
    "Asset",
    "Event",
    "Listed",
    "Phase",
    "Program",
    "Report",
    "Source",
    "asset",
    "ensure",
    "examine",
    "find",
    "listing",
    "place",
    "table",
    "version",
]

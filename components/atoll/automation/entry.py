"""Where the `atoll` command begins: an interrupt while its modules still load ends it as one later does."""

import os
import signal

from atoll.core.errors import Exit


def main() -> None:
    """Loads the command line and runs it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(Exit.INTERRUPTED))
    from atoll.automation import command_line  # noqa: PLC0415 - it loads for half a second and more

    signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line.main()

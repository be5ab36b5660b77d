"""Where the `atoll` command begins: an interrupt while its modules still load ends it as one later does."""

import gc
import os
import signal
import sys

from atoll.core.errors import Exit


def main() -> None:
    """Loads the command line and runs it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(Exit.INTERRUPTED))
    from atoll.automation import hosting  # noqa: PLC0415 - an interrupt is heard by now

    hosting.foresee(sys.argv[1:])
    # Loading makes many objects and no garbage.
    gc.disable()
    from atoll.automation import command_line  # noqa: PLC0415 - it loads for half a second and more

    gc.freeze()
    gc.enable()

    signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line.main()

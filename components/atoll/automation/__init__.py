"""Running environments: the engine, its events, the recap, the `atoll` command line, and the same for programs (`Stack`)."""

import lazy_loader

# The command's own modules load what they need of it, and no more; the stub beside this file says what is where.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

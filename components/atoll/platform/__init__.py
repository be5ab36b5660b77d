"""The inventory of an environment, and the one composition of all components that follows from it.

Here belongs what turns settings into values and values into component args; not what a component does.
"""

import lazy_loader

# Whoever asks for a part of it alone need not wait for Pulumi; the stub beside this file says what is where.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Registries, their repositories, and images that are built for them: those of ECR, and those of this machine."""

import lazy_loader

# Whoever asks for a part of it alone need not wait for Pulumi; the stub beside this file says what is where.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

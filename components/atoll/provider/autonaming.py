"""Names of resources that a program gives none."""

import hashlib
import secrets
from typing import Any

from atoll.core.errors import ArgsError
from atoll.provider import protocol


def new_name(request: Any, where: str) -> str:
    """A name that the engine proposes, or one of the resource's own with a random end; `where` it is missing.

    Raises:
        ArgsError: names are not made up here.
    """
    options = protocol.provider.CheckRequest.AutonamingOptions
    if request.HasField("autonaming"):
        if request.autonaming.mode == options.DISABLE:
            raise ArgsError(f"{where}: found none; expected a name (autonaming is disabled)")
        if request.autonaming.proposed_name:
            return str(request.autonaming.proposed_name)
    seed = request.randomSeed or secrets.token_bytes(16)
    return f"{request.name}-{hashlib.sha256(seed).hexdigest()[:8]}"

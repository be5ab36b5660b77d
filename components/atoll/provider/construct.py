"""Makes a component for a program in another language, by the SDK that Python's own programs use.

A thread of its own loop for each: the SDK keeps what it knows of a run in the context of a task, so that several
components are made at once. It loads the SDK and every component.
"""

import asyncio
from typing import Any

from pulumi.errors import InputPropertyError
from pulumi.provider.server import ComponentInitError, ProviderServicer

from atoll.core.errors import ArgsError, AtollError
from atoll.provider import components, references

# As the module loads: calls that come at once wait for that, and the SDK takes a kind of reference only once.
_PACKAGE = components.Package()
references.register()


def construct(request: Any, engine_address: str) -> Any:
    """Registers a component and its children with the engine; returns what the engine is told.

    Raises:
        AtollError: its inputs do not fit, or a child of it failed.
    """
    return asyncio.run(_construct(request, engine_address))


async def _construct(request: Any, engine_address: str) -> Any:
    where = f"{request.type.rpartition(':')[2]} {request.name}"
    servicer = ProviderServicer(_PACKAGE, [], engine_address)
    try:
        # Not its public twin, which makes a traceback of each error.
        return await servicer._construct(request, None)  # noqa: SLF001 - see above
    except InputPropertyError as error:
        raise ArgsError(f"{where}: {error.property_path}: {error.reason}") from error
    except ComponentInitError as error:
        if isinstance(error.inner, AtollError):
            raise error.inner from error
        raise

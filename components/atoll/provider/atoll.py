"""pulumi-resource-atoll: what Pulumi's own providers cannot do, and Atoll's components for other languages."""

import json
from pathlib import Path
from typing import Any

from atoll.core import naming
from atoll.core.effect import Effect
from atoll.provider import protocol, resources, versions
from atoll.provider.effects import EffectPlugin

SCHEMA = Path(__file__).with_name("schema.json")


class AtollPlugin(EffectPlugin):
    """Serves every effect of the table in `resources`, and the components of `components`."""

    name = naming.PACKAGE
    version = versions.ATOLL

    def effect(self, token: str) -> Effect:
        """The effect behind a resource class."""
        return resources.effect(token.rsplit(":", 1)[-1])

    def get_schema(self, _request: Any) -> Any:
        """What the package has for other languages, as it was derived from the components."""
        schema = {**json.loads(SCHEMA.read_text()), "version": self.version}
        return protocol.provider.GetSchemaResponse(schema=json.dumps(schema))

    def handshake(self, request: Any) -> Any:
        """Learns where the engine is, and tells it what `configure` tells older ones."""
        found = super().handshake(request)
        found.accept_resources = True
        return found

    def configure(self, request: Any) -> Any:
        """Tells what the plugin understands: components take others by reference."""
        found = super().configure(request)
        found.acceptResources = True
        return found

    def construct(self, request: Any) -> Any:
        """Makes a component for a program in another language."""
        from atoll.provider import construct  # noqa: PLC0415 - it loads the SDK, which no program in Python needs here

        return construct.construct(request, self.engine.address)

"""pulumi-resource-atoll: what Pulumi's own providers cannot do, served from the domains' effects."""

from atoll.core import naming
from atoll.core.effect import Effect
from atoll.provider import resources, versions
from atoll.provider.effects import EffectPlugin


class AtollPlugin(EffectPlugin):
    """Serves every effect of the table in `resources`."""

    name = naming.PACKAGE
    version = versions.ATOLL

    def effect(self, token: str) -> Effect:
        """The effect behind a resource class."""
        return resources.effect(token.rsplit(":", 1)[-1])

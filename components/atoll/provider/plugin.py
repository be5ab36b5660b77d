"""What every plugin of Atoll is: the calls of the engine, answered with what most plugins answer."""

from typing import Any

from google.protobuf import empty_pb2

from atoll.core.errors import AtollError, Exit
from atoll.provider import protocol, values
from atoll.provider.engine import Engine


class InitFailedError(AtollError):
    """A resource was written and is not what it should be: the state is kept, the reasons are shown."""

    def __init__(  # noqa: PLR0913 - what the protocol has, and what it has no word for
        self,
        id: str,  # noqa: A002 - the protocol's
        properties: Any,
        inputs: Any,
        reasons: tuple[str, ...],
        code: Exit = Exit.FAILED,
        *,
        retry: bool | None = None,
    ) -> None:
        self.reasons, self.exit_code, self.retry = reasons, code, retry
        self.detail = protocol.provider.ErrorResourceInitFailed(
            id=id, properties=properties, inputs=inputs, reasons=list(reasons)
        )
        super().__init__("; ".join(reasons))


class Plugin:
    """The base of a plugin; one instance serves one launch by an engine.

    Methods are the calls of the engine in snake case. They run in threads and may block.
    """

    name = ""
    version = ""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """Gives back what the launch held, once it is over."""

    def handshake(self, request: Any) -> Any:
        """Learns where the engine is."""
        self.engine.attach(request.engine_address)
        return protocol.provider.ProviderHandshakeResponse(
            accept_secrets=True, supports_autonaming_configuration=True
        )

    def get_plugin_info(self, _request: Any) -> Any:
        """The plugin's version."""
        return protocol.plugin.PluginInfo(version=self.version)

    def get_schema(self, _request: Any) -> Any:
        """The least that the engine takes as a schema; the programs' SDKs are not generated from it."""
        schema = f'{{"name": "{self.name}", "version": "{self.version}"}}'
        return protocol.provider.GetSchemaResponse(schema=schema)

    def get_mapping(self, _request: Any) -> Any:
        """No other tool's resources are mapped to ours."""
        return protocol.provider.GetMappingResponse()

    def get_mappings(self, _request: Any) -> Any:
        """No other tool's resources are mapped to ours."""
        return protocol.provider.GetMappingsResponse()

    def cancel(self, _request: Any) -> Any:
        """Asks whatever waits to end; without an answer the engine says that the plugin died."""
        self.engine.cancelled.set()
        return empty_pb2.Empty()

    def check_config(self, request: Any) -> Any:
        """Takes the provider's settings as they are."""
        return protocol.provider.CheckResponse(inputs=values.whole(request.news))

    def diff_config(self, _request: Any) -> Any:
        """Lets the engine compare the provider's settings."""
        return protocol.provider.DiffResponse()

    def configure(self, _request: Any) -> Any:
        """Tells what the plugin understands."""
        return protocol.provider.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

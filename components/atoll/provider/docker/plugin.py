"""The calls of the engine about images and containers of a Docker engine."""

import os
from typing import Any

from atoll.core.effect import Effect, Values
from atoll.core.errors import RefusedError
from atoll.provider import autonaming, effects, protocol, values, versions
from atoll.provider.docker import functions, settings
from atoll.provider.docker.containers import Container
from atoll.provider.docker.daemon import Daemon
from atoll.provider.docker.images import RegistryImage, RemoteImage, Tag
from atoll.provider.engine import Engine

_CONTAINER = "docker:index/container:Container"
_KINDS: dict[str, type[Container | RegistryImage | RemoteImage | Tag]] = {
    _CONTAINER: Container,
    "docker:index/registryImage:RegistryImage": RegistryImage,
    "docker:index/remoteImage:RemoteImage": RemoteImage,
    "docker:index/tag:Tag": Tag,
}
_SECRET_INPUTS = ("authConfig",)
_SECRET_ARGUMENTS = frozenset({("authConfig", "password")})


class DockerPlugin(effects.EffectPlugin):
    """Serves one Docker engine and the registries that it knows logins for; neither is asked before it is needed."""

    name = "docker"
    version = versions.DOCKER

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._daemon = Daemon(settings.Settings())

    def close(self) -> None:
        """Closes the connections to the engine."""
        self._daemon.close()

    def check_config(self, request: Any) -> Any:
        """Refuses settings that the stand-in does not serve, and marks what is secret of the others."""
        given = values.decode(request.news)
        failures = [
            protocol.provider.CheckFailure(reason=problem) for problem in settings.problems(given.value)
        ]
        secrets = given.secrets | {(name,) for name in settings.SECRET}
        return protocol.provider.CheckResponse(inputs=values.encode(given.value, secrets), failures=failures)

    def diff_config(self, request: Any) -> Any:
        """Says what changed. No resource is made anew for it, as with the official plugin: a login may be another one."""
        old, new = values.plain(request.olds), values.plain(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        answers = protocol.provider.DiffResponse
        return answers(changes=answers.DIFF_SOME if changed else answers.DIFF_NONE, diffs=changed)

    def configure(self, request: Any) -> Any:
        """Takes the settings."""
        self._daemon = Daemon(settings.read(request.variables, os.environ))
        return super().configure(request)

    def effect(self, token: str) -> Effect:
        """The effect behind a type of the package docker.

        Raises:
            RefusedError: the stand-in does not serve it.
        """
        if token not in _KINDS:
            known = ", ".join(each.rpartition(":")[2] for each in sorted(_KINDS))
            raise RefusedError(
                f"{token}: found a type that the stand-in for pulumi-resource-docker does not serve; expected one of: "
                f"{known}. Use the official plugin for it."
            )
        return _KINDS[token](self._daemon)

    def replaces(self, effect: Effect, name: str, old: Values, new: Values) -> bool:
        """Beside what always does, limits of a container that are lifted: engines take none for no change."""
        lifted = isinstance(effect, Container) and effect.lifts(name, new)
        return lifted or super().replaces(effect, name, old, new)

    def check(self, request: Any) -> Any:
        """Gives a container a name that has none, and marks what is secret whatever the program says."""
        answer = super().check(request)
        found = values.decode(answer.inputs)
        inputs = dict(found.value)
        if str(request.type) == _CONTAINER and not inputs.get("name"):
            inputs["name"] = values.plain(request.olds).get("name") or autonaming.new_name(request, "name")
        failures = [
            *answer.failures,
            *(
                protocol.provider.CheckFailure(reason=f"{name}: found none; expected it")
                for name in sorted(_KINDS[request.type].required - inputs.keys())
            ),
        ]
        secrets = found.secrets | {(name,) for name in _SECRET_INPUTS}
        return protocol.provider.CheckResponse(inputs=values.encode(inputs, secrets), failures=failures)

    def invoke(self, request: Any) -> Any:
        """Answers a function; an engine is not needed for it."""
        function = functions.FUNCTIONS.get(request.tok)
        if function is None:
            known = ", ".join(each.rpartition(":")[2] for each in functions.FUNCTIONS)
            raise RefusedError(
                f"{request.tok}: found a function that the stand-in for pulumi-resource-docker does not serve; expected "
                f"one of: {known}. Use the official plugin for it."
            )
        asked = values.decode(request.args)
        found = function(self._daemon.settings, asked.value)
        answer = values.encode(found, asked.secrets | _SECRET_ARGUMENTS)
        return protocol.provider.InvokeResponse(**{"return": answer})

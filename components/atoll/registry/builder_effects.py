"""What makes builders real: a buildkitd of this machine, or one that a user made with buildx."""

import os
from pathlib import Path
from typing import Any

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import NotReadyError, RefusedError, UnavailableError
from atoll.host import Environment, certificates
from atoll.registry import access, docker
from atoll.registry.kinds import RegistryKind
from atoll.registry.local import building, buildkit, launch


class ImageBuilder(Effect):
    """Who builds the images of an environment, and what the plugin needs to find it and the registries' logins.

    Inputs: `name`, `registries` (references with the `address` of each), and `existing`, a builder of the user's.
    """

    replace_on = frozenset({"name", "existing"})
    secret_outputs = frozenset[str]()
    outputs = frozenset({"instance"})

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """Whether there is a builder tells itself when one is needed: all else of a stack is to be had without."""
        return []

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Registries are a set."""
        return access.same(old, new) if name == "registries" else bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """What it is called follows from what makes another one of it."""
        return frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """What the plugin reads is not there, or what runs is not what should."""
        environment = Environment.current()
        existing = inputs.get("existing", "")
        try:
            instance = _instance(environment, existing)
        except UnavailableError as error:
            return str(error)
        trust = launch.authority(environment)
        if not docker.fits(environment, inputs["name"], instance, inputs["registries"], trust):
            return "what clients of Docker read changed"
        if existing:
            return None
        if not building.exists(environment):
            return "it is gone"
        if lacking := building.lacking():
            return lacking
        return building.stale(environment, building.seat(environment), _authorities(environment, inputs))

    def refuse(self, inputs: Values, outputs: Values) -> None:  # noqa: ARG002 - the protocol's
        """Whether this machine can build, and nothing else of the environment does."""
        if inputs.get("existing"):
            return
        name = inputs["name"]
        if lacking := building.lacking():
            raise UnavailableError(
                f"builder {name}: {lacking}. Let `existing` name a builder that you made with buildx, or build elsewhere"
            )
        others = docker.local_builders(Environment.current(), buildkit.INSTANCE) - {name}
        if others:
            raise RefusedError(
                f"builder {name}: found {', '.join(sorted(others))} in its place; expected one builder of this machine for "
                "each environment. Let its images be built there"
            )

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Starts the builder, or takes up the one that is there."""
        environment, existing = Environment.current(), inputs.get("existing", "")
        self.refuse(inputs, {})
        instance = _instance(environment, existing)
        trust = launch.authority(environment)
        docker.write(environment, inputs["name"], instance, inputs["registries"], trust)
        outcome = Outcome(inputs["name"], {"instance": instance["Name"]})
        if existing:
            return outcome
        place, authorities = building.seat(environment), _authorities(environment, inputs)
        building.write(place, authorities)
        if not place.runc:
            # The plugin says of a RUN that failed that it failed, and not what it said.
            context.warn(f"builder {inputs['name']}: {buildkit.NO_RUNC}")
        try:
            building.start(environment, place, authorities, context)
        except NotReadyError as error:
            return Outcome(outcome.id, outcome.outputs, (str(error),), retry=error.retry)
        return outcome

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Whether it is there; what else is amiss makes it stale."""
        environment, existing = Environment.current(), inputs.get("existing", "")
        there = existing in docker.theirs(os.environ) if existing else building.exists(environment)
        return Seen(inputs, outputs) if inputs and there else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Makes settings and process fit; what is cached stays."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Stops it with its cache; one of the user's stays as it is."""
        environment = Environment.current()
        if not inputs.get("existing"):
            building.remove(environment)
        docker.remove(environment, id, outputs.get("instance") or buildkit.INSTANCE)


def _instance(environment: Environment, existing: str) -> Values:
    """The builder as buildx keeps one."""
    if not existing:
        place = buildkit.Seat(environment.folder, Path(buildkit.PROGRAM), "", None)
        return docker.remote(buildkit.INSTANCE, place.endpoint)
    found = docker.theirs(os.environ)
    if existing not in found:
        known = ", ".join(found) or "none"
        raise UnavailableError(
            f"builder {existing}: found no such builder of buildx's ({known}); expected it. Make it: docker buildx create "
            f"--name {existing}"
        )
    return found[existing]


def _authorities(environment: Environment, inputs: Values) -> dict[str, Path]:
    """Whom to trust for the certificates of the registries of this machine, by address."""
    path = environment.folder / launch.PKI / f"{certificates.AUTHORITY}.crt"
    kinds = {each["address"]: each["kind"] for each in inputs["registries"]}
    return {address: path for address, kind in kinds.items() if kind == RegistryKind.OCI}

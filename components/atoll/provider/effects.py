"""Plugins whose resources are effects: the calls of the engine, taken apart and handed to the one that is meant.

State is `{**inputs, **outputs}`.
"""

from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

from google.protobuf import empty_pb2

from atoll.core.effect import Context, Effect, Outcome, Values
from atoll.core.errors import AtollError, UnavailableError
from atoll.provider import diffs, protocol, server, values
from atoll.provider.plugin import InitFailedError, Plugin


class EffectPlugin(Plugin):
    """The base of a plugin that serves effects."""

    def _effect(self, request: Any) -> Effect:
        """The effect of a resource, by its type, which is the last in the URN's chain of parents."""
        return self.effect(str(request.type or request.urn.split("::")[2].rsplit("$", 1)[-1]))

    def effect(self, token: str) -> Effect:
        """The effect behind a type of resource, `package:module:Class`."""
        raise NotImplementedError

    def replaces(self, effect: Effect, name: str, old: Values, new: Values) -> bool:  # noqa: ARG002 - for those whose values decide
        """Whether the change of an input makes a new resource."""
        return name in effect.replace_on

    def check(self, request: Any) -> Any:
        """Asks the effect what does not fit; what is not known yet is left to the next check."""
        known = _known(values.plain(request.news))
        failures = [
            # Named in the reason: for a property of its own the engine prints the value, be it secret or not.
            protocol.provider.CheckFailure(reason=f"{failure.name}: {failure.reason}")
            for failure in self._effect(request).check(known)
        ]
        return protocol.provider.CheckResponse(inputs=values.whole(request.news), failures=failures)

    def diff(self, request: Any) -> Any:
        """Compares the old inputs with the new, and asks the effect whether what is there grew stale."""
        effect = self._effect(request)
        old, new = values.plain(request.old_inputs), values.plain(request.news)
        changed = _changed(effect, old, new)
        found = [
            (path, change, self.replaces(effect, str(path[0]), old, new))
            for path, change in diffs.changes(old, new)
            if path[0] in changed
        ]
        outputs = _outputs(effect, request.olds)
        missing = effect.outputs - outputs.keys()
        reason = effect.stale(old, outputs) or ("it was never finished" if missing else None)
        if reason:
            self.engine.info(request.urn, f"needs an update though no input changed: {reason}")
        stale = sorted(missing or effect.renews(old, outputs)) if reason else None
        return diffs.response(found, delete_first=True, outputs=stale)

    def create(self, request: Any) -> Any:
        """Ensures the thing."""
        effect, inputs = self._effect(request), values.decode(request.properties)
        if request.preview:
            self._foresee(request.urn, effect, inputs.value, {})
            state = _state(effect, inputs, dict.fromkeys(effect.outputs, values.UNKNOWN))
            return protocol.provider.CreateResponse(properties=state)
        outcome = effect.create(_name(request), inputs.value, self._context(request.urn))
        state = _state(effect, inputs, outcome.outputs)
        _raise_problems(outcome, state, request.properties)
        return protocol.provider.CreateResponse(id=outcome.id, properties=state)

    def update(self, request: Any) -> Any:
        """Makes the thing fit its new inputs; a preview knows every output that they do not change."""
        effect, inputs = self._effect(request), values.decode(request.news)
        old, outputs = values.plain(request.old_inputs), _outputs(effect, request.olds)
        if request.preview:
            self._foresee(request.urn, effect, inputs.value, outputs)
            unknown = _unknown_outputs(effect, old, inputs.value, outputs)
            state = _state(effect, inputs, {**outputs, **dict.fromkeys(unknown, values.UNKNOWN)})
            return protocol.provider.UpdateResponse(properties=state)
        outcome = effect.update(request.id, inputs.value, outputs, self._context(request.urn))
        state = _state(effect, inputs, outcome.outputs)
        _raise_problems(outcome, state, request.news)
        return protocol.provider.UpdateResponse(properties=state)

    def read(self, request: Any) -> Any:
        """Compares with the world; where that does not answer or lets nobody in, the state does, with a warning."""
        effect = self._effect(request)
        inputs = _written(effect, request)
        outputs = _outputs(effect, request.properties)
        try:
            seen = effect.read(request.id, inputs.value, outputs, self._context(request.urn))
        except (AtollError, FileNotFoundError) as error:
            # Its making may have been interrupted before the files were there by which it is reached.
            if not inputs.value and not outputs:
                raise
            self.engine.warn(request.urn, f"not compared with what is there: {server.line(error)}")
            return protocol.provider.ReadResponse(
                id=request.id, properties=request.properties, inputs=request.inputs
            )
        if seen is None:
            return protocol.provider.ReadResponse()
        found = values.Decoded(seen.inputs, inputs.secrets)
        # What no write has answered stays unanswered: a look cannot tell whether the thing was ever finished.
        known = {key: value for key, value in seen.outputs.items() if not inputs.value or key in outputs}
        return protocol.provider.ReadResponse(
            id=seen.id or request.id,
            properties=_state(effect, found, known),
            inputs=values.encode(seen.inputs, inputs.secrets),
        )

    def delete(self, request: Any) -> Any:
        """Removes the thing."""
        effect, old = self._effect(request), values.plain(request.old_inputs)
        effect.delete(request.id, old, _outputs(effect, request.properties), self._context(request.urn))
        return empty_pb2.Empty()

    def _foresee(self, urn: str, effect: Effect, inputs: Values, outputs: Values) -> None:
        """Refuses in a preview what a write would be; of what is not there now it warns, since a run goes on past it too."""
        try:
            effect.refuse(_known(inputs), outputs)
        except UnavailableError as error:
            self.engine.warn(urn, server.line(error))

    def _context(self, urn: str) -> Context:
        return Context(
            report=partial(self.engine.report, urn),
            warn=partial(self.engine.warn, urn),
            cancelled=self.engine.cancelled,
            owner=_owner(urn),
        )


def _known(inputs: Values) -> Values:
    return {key: value for key, value in inputs.items() if not values.has_unknown(value)}


def _owner(urn: str) -> str:
    """Project and stack in a URN: `urn:pulumi:<stack>::<project>::...`."""
    stack, project, *_ = urn.split("::")
    return f"{project}/{stack.rpartition(':')[2]}"


def _name(request: Any) -> str:
    return str(request.name or request.urn.split("::", 3)[-1])


def _outputs(effect: Effect, state: Any) -> Values:
    return {key: value for key, value in values.plain(state).items() if key in effect.outputs}


def _written(effect: Effect, request: Any) -> values.Decoded:
    """The inputs of the last write: where that failed half-way, the engine keeps those before it, beside its properties.

    Whoever takes back a change that failed would otherwise see no difference.
    """
    inputs, state = values.decode(request.inputs), values.decode(request.properties)
    found = {key: value for key, value in state.value.items() if key not in effect.outputs}
    if not (inputs.value and found):
        return inputs
    kept = {key: value for key, value in inputs.value.items() if key in effect.outputs}
    return values.Decoded(kept | found, inputs.secrets | state.secrets)


def _changed(effect: Effect, old: Values, new: Values) -> frozenset[str]:
    """The inputs that do not mean what they meant."""
    return frozenset(
        key for key in old.keys() | new.keys() if not effect.same(key, old.get(key), new.get(key))
    )


def _unknown_outputs(effect: Effect, old: Values, new: Values, outputs: Values) -> AbstractSet[str]:
    """The outputs that an update may change, and those that the state lacks (the last write did not get so far)."""
    changed = _changed(effect, old, new)
    unknown = effect.outputs - outputs.keys()
    if changed:
        unknown |= effect.changes(changed)
    return unknown | effect.renews(old, outputs) if effect.stale(old, outputs) else unknown


def _state(effect: Effect, inputs: values.Decoded, outputs: Values) -> Any:
    secrets = inputs.secrets | {(name,) for name in effect.secret_outputs}
    return values.encode({**inputs.value, **outputs}, secrets)


def _raise_problems(outcome: Outcome, state: Any, inputs: Any) -> None:
    if outcome.problems:
        raise InitFailedError(outcome.id, state, inputs, outcome.problems, outcome.code, retry=outcome.retry)

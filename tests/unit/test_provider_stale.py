"""What a preview says of a resource that grew stale though nobody asked for a change."""

from types import SimpleNamespace

import pytest

from atoll.core.effect import Effect
from atoll.provider import protocol, resources, values
from atoll.provider.atoll import AtollPlugin
from atoll.provider.engine import Engine

INPUTS = {"name": "lagoon", "nodes": 1}
OUTPUTS = {"access": "old", "endpoint": "https://x"}
STATE = {**INPUTS, **OUTPUTS}


class Thing(Effect):
    """A resource that is stale where `reason` says so, which shows in `renewed`."""

    replace_on = frozenset({"name"})
    secret_outputs = frozenset[str]()
    outputs = frozenset(OUTPUTS)

    def __init__(self, reason, renewed):
        self.reason, self.renewed = reason, renewed

    def changes(self, changed):
        return frozenset({"endpoint"}) if changed else frozenset({"access"})

    def stale(self, inputs, outputs):
        assert (inputs, outputs) == (INPUTS, OUTPUTS)
        return self.reason

    def renews(self, inputs, outputs):
        return Effect.renews(self, inputs, outputs) if self.renewed is None else self.renewed


@pytest.fixture
def plugin(monkeypatch):
    def made(reason, renewed=None):
        thing = Thing(reason, renewed)  # type: ignore[abstract] # the other verbs are not called
        monkeypatch.setattr(resources, "effect", lambda _name: thing)
        return AtollPlugin(Engine())

    return made


def _request(news):
    old = values.encode(INPUTS)
    return SimpleNamespace(
        id="lagoon",
        urn="urn:pulumi:e::p::atoll:index:Thing::lagoon",
        type="atoll:index:Thing",
        preview=True,
        old_inputs=old,
        olds=values.encode(STATE),
        news=values.encode(news),
    )


@pytest.mark.parametrize(
    ("reason", "renewed", "changes", "shown"),
    [
        (None, None, "DIFF_NONE", []),
        ("a program changed", frozenset(), "DIFF_SOME", []),
        ("a certificate ends", None, "DIFF_SOME", ["access"]),
        ("a certificate ends", frozenset({"access"}), "DIFF_SOME", ["access"]),
    ],
)
def test_a_stale_resource_is_an_update_that_names_the_outputs_it_changes(
    plugin, reason, renewed, changes, shown
):
    answer = plugin(reason, renewed).diff(_request(INPUTS))

    assert answer.changes == getattr(protocol.provider.DiffResponse, changes)
    assert list(answer.diffs) == list(answer.detailedDiff) == shown
    assert list(answer.replaces) == []


@pytest.mark.parametrize(
    ("news", "reason", "renewed", "unknown"),
    [
        (INPUTS, "a program changed", frozenset(), set()),
        (INPUTS, "a certificate ends", frozenset({"access"}), {"access"}),
        ({**INPUTS, "nodes": 2}, None, None, {"endpoint"}),
        ({**INPUTS, "nodes": 2}, "a certificate ends", None, {"endpoint", "access"}),
        ({**INPUTS, "nodes": 2}, "a program changed", frozenset(), {"endpoint"}),
    ],
)
def test_an_output_that_stays_is_known_in_the_preview_of_a_renewal(plugin, news, reason, renewed, unknown):
    found = values.plain(plugin(reason, renewed).update(_request(news)).properties)

    assert {name for name in OUTPUTS if values.has_unknown(found[name])} == unknown
    assert {name: found[name] for name in OUTPUTS if name not in unknown} == {
        name: value for name, value in OUTPUTS.items() if name not in unknown
    }

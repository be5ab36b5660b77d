"""Atoll's own provider towards an effect whose last write was interrupted."""

import pytest

from atoll.core.effect import Outcome, Seen
from atoll.core.errors import UnavailableError
from atoll.provider import atoll, protocol, resources, values
from atoll.provider.engine import Engine

_URN = "urn:pulumi:dev::atoll::atoll:index:LocalCluster::skua"
_WHOLE = {"access": "a", "endpoint": "e"}


class _Cluster:
    """An effect of which the world has everything; `problem` is raised by a look at it."""

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = frozenset(_WHOLE)

    def __init__(self, problem=None):
        self.problem = problem

    def same(self, name, old, new):
        return old == new or (name == "order" and sorted(old) == sorted(new))

    def changes(self, _changed):
        return frozenset()

    def stale(self, _inputs, _outputs):
        return None

    def read(self, _id, inputs, _outputs, _context):
        if self.problem:
            raise self.problem
        return Seen(inputs, _WHOLE)

    def update(self, id, _inputs, _outputs, _context):  # noqa: A002 - the protocol's
        return Outcome(id, _WHOLE)


@pytest.fixture
def plugin(monkeypatch):
    def serving(effect):
        monkeypatch.setattr(resources, "effect", lambda _name: effect)
        return atoll.AtollPlugin(Engine())

    return serving


def _read(plugin, outputs, inputs=None):
    request = protocol.provider.ReadRequest(
        id="skua",
        urn=_URN,
        type="atoll:index:LocalCluster",
        inputs=values.encode({"name": "skua"} if inputs is None else inputs, frozenset()),
        properties=values.encode({"name": "skua", **outputs}, frozenset()),
    )
    return values.plain(plugin.read(request).properties)


def _diff(plugin, outputs):
    state = {"name": "skua", **outputs}
    return plugin.diff(
        protocol.provider.DiffRequest(
            id="skua",
            urn=_URN,
            type="atoll:index:LocalCluster",
            old_inputs=values.encode({"name": "skua"}, frozenset()),
            olds=values.encode(state, frozenset()),
            news=values.encode({"name": "skua"}, frozenset()),
        )
    )


def test_what_was_never_finished_needs_an_update_though_no_input_changed(plugin):
    serving = plugin(_Cluster())

    assert _diff(serving, {}).changes == protocol.provider.DiffResponse.DIFF_SOME
    assert _diff(serving, {"endpoint": "e"}).changes == protocol.provider.DiffResponse.DIFF_SOME
    assert _diff(serving, _WHOLE).changes == protocol.provider.DiffResponse.DIFF_NONE


def test_a_look_does_not_fill_in_what_no_write_has_answered(plugin):
    serving = plugin(_Cluster())

    assert _read(serving, {}) == {"name": "skua"}
    assert _read(serving, {"access": "old", "endpoint": "e"}) == {"name": "skua", **_WHOLE}


def test_an_import_takes_all_that_is_seen(plugin):
    assert _read(plugin(_Cluster()), {}, inputs={})["endpoint"] == "e"


@pytest.mark.parametrize("problem", [UnavailableError("no answer"), FileNotFoundError("admin.kubeconfig")])
def test_what_cannot_be_looked_at_because_it_is_half_made_is_kept(plugin, problem):
    assert _read(plugin(_Cluster(problem)), {}) == {"name": "skua"}


class _Gate(_Cluster):
    """An effect that sees how many nodes there are."""

    def __init__(self, nodes):
        super().__init__()
        self._nodes, self.asked = nodes, []

    def read(self, _id, inputs, _outputs, _context):
        self.asked.append(inputs)
        return Seen({**inputs, "nodes": self._nodes}, _WHOLE)


@pytest.mark.parametrize("live", [3, 2], ids=["as it was written", "drifted"])
def test_a_look_compares_with_what_was_written_and_the_engine_is_told_that(plugin, live):
    gate = _Gate(live)
    request = protocol.provider.ReadRequest(
        id="skua",
        urn=_URN,
        type="atoll:index:LocalCluster",
        # The engine keeps the old inputs of an update that failed after its write: who takes the change back
        # would see no difference.
        inputs=values.encode({"name": "skua", "nodes": 1}, frozenset()),
        properties=values.encode({"name": "skua", "nodes": 3, "zone": "z", **_WHOLE}, frozenset()),
    )

    found = plugin(gate).read(request)

    assert gate.asked == [{"name": "skua", "nodes": 3, "zone": "z"}]
    assert values.plain(found.inputs) == {"name": "skua", "nodes": live, "zone": "z"}
    assert values.plain(found.properties)["nodes"] == live


def _diff_of(plugin, old, new):
    return plugin.diff(
        protocol.provider.DiffRequest(
            id="skua",
            urn=_URN,
            type="atoll:index:LocalCluster",
            old_inputs=values.encode(old, frozenset()),
            olds=values.encode({**old, **_WHOLE}, frozenset()),
            news=values.encode(new, frozenset()),
        )
    )


def test_what_an_effect_calls_the_same_is_no_change_and_the_rest_is(plugin):
    serving = plugin(_Cluster())

    same = _diff_of(serving, {"order": ["a", "b"], "name": "x"}, {"order": ["b", "a"], "name": "x"})
    other = _diff_of(serving, {"order": ["a", "b"], "name": "x"}, {"order": ["b", "a"], "name": "y"})

    assert same.changes == protocol.provider.DiffResponse.DIFF_NONE
    assert list(other.detailedDiff) == ["name"]


def test_a_look_may_know_the_thing_by_another_id_and_learns_whose_it_is(plugin):
    told = []

    class _Named(_Cluster):
        def read(self, _id, inputs, _outputs, context):
            told.append(context.owner)
            return Seen(inputs, _WHOLE, id="the-one")

    request = protocol.provider.ReadRequest(id="alias/skua", urn=_URN, type="atoll:index:LocalCluster")

    assert plugin(_Named()).read(request).id == "the-one"
    assert told == ["atoll/dev"]


@pytest.mark.parametrize("preview", [True, False])
def test_what_a_write_would_be_refused_for_is_asked_in_a_preview_alone_and_of_what_is_known(plugin, preview):
    asked = []

    class _Strict(_Cluster):
        def refuse(self, inputs, outputs):
            asked.append((inputs, outputs))

        def create(self, _name, _inputs, _context):
            return Outcome("skua", _WHOLE)

    serving = plugin(_Strict())
    news = values.encode({"name": "skua", "place": values.UNKNOWN, "nodes": 2}, frozenset())
    state = values.encode({"name": "skua", **_WHOLE}, frozenset())
    old = values.encode({"name": "skua"}, frozenset())
    named = {"urn": _URN, "type": "atoll:index:LocalCluster", "preview": preview}

    serving.create(protocol.provider.CreateRequest(properties=news, **named))
    serving.update(protocol.provider.UpdateRequest(id="skua", news=news, olds=state, old_inputs=old, **named))

    known = {"name": "skua", "nodes": 2}
    assert asked == ([(known, {}), (known, _WHOLE)] if preview else [])

"""Patches, replacements that find their own object, and objects of a cluster that is away."""

from typing import Any

import pytest

from atoll.core.errors import AtollError, RefusedError, UnavailableError
from atoll.kubernetes import ApiError
from atoll.kubernetes.client import ResourceType
from atoll.kubernetes.patience import Attempts, Patience
from atoll.provider import protocol, values
from atoll.provider.engine import Engine
from atoll.provider.kubernetes import patching, state
from atoll.provider.kubernetes.plugin import KubernetesPlugin
from atoll.provider.kubernetes.settings import Settings

URN = "urn:pulumi:s::p::kubernetes:core/v1:{kind}::c"
CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "n"},
}


def _live(manager="m", **metadata):
    return {
        **CONFIG,
        "metadata": {**CONFIG["metadata"], "uid": "u", "managedFields": [{"manager": manager}], **metadata},
    }


class _Api:
    """One object, or none; what is applied and asked for is noted."""

    def __init__(self, live=None, refusal=None):
        self.live, self.refusal, self.sent = live, refusal, []

    def get(self, _manifest):
        return self.live

    def resource(self, _version, kind):
        return ResourceType(f"{kind.lower()}s", namespaced=True)

    def path(self, manifest):
        return manifest["metadata"]["name"]

    def apply(self, manifest, **options):
        if self.refusal:
            raise self.refusal
        self.sent.append((manifest, options))
        return {**(self.live or {}), **manifest, "metadata": {**_live()["metadata"], **manifest["metadata"]}}

    def request(self, method, path, body=None, **_options):
        self.sent.append((method, path, body))
        # What comes by the way of deletion ends here.
        raise ApiError(404, {"message": "gone"})

    def telling(self, _told):
        return self

    def patiently(self, _limit, _cancelled=None):
        return self

    def attempts(self):
        return Attempts(Patience())


def _api(*given, **more) -> Any:
    return _Api(*given, **more)


SAVED = state.Saved(_live(), "m", "v1")


@pytest.mark.parametrize(
    ("live", "says"),
    [
        (None, "found no such object"),
        (_live(deletionTimestamp="now"), "found an object that is being deleted"),
    ],
)
def test_a_patch_needs_an_object_that_stays(live, says):
    with pytest.raises(RefusedError, match=says):
        patching.must_exist(_api(live), CONFIG)


def test_a_patch_lets_go_by_applying_nothing_more_than_the_name():
    api = _api(_live())

    patching.relinquish(api, SAVED)

    assert api.sent == [(CONFIG, {"manager": "m"})]


@pytest.mark.parametrize("live", [None, _live(manager="somebody")])
def test_a_patch_of_what_is_gone_or_was_taken_has_nothing_to_let_go_of(live):
    api = _api(live)

    patching.relinquish(api, SAVED)

    assert api.sent == []


def test_a_patch_that_alone_owns_a_required_field_cannot_go():
    causes = [
        {"reason": "FieldValueRequired", "field": "spec.template"},
        {"reason": "FieldValueInvalid", "field": "x"},
    ]
    refusal = ApiError(422, {"message": "invalid", "details": {"causes": causes}})

    with pytest.raises(RefusedError, match=r"spec\.template.*retain_on_delete"):
        patching.relinquish(_api(_live(), refusal), SAVED)
    with pytest.raises(AtollError, match="refused to let go of the patch: no"):
        patching.relinquish(_api(_live(), ApiError(403, {"message": "no"})), SAVED)
    patching.relinquish(_api(_live(), ApiError(404, {"message": "gone"})), SAVED)


class _Connection:
    known = True

    def __init__(self, api, problem=None, **settings):
        self.api, self.problem, self.settings = api, problem, Settings(**settings)
        self.namespace = "n"

    def namespaced(self, _manifest):
        return True


class _Engine(Engine):
    def __init__(self):
        super().__init__()
        self.warned: list[str] = []

    def warn(self, urn, text):
        assert urn
        self.warned.append(text)


def _plugin(api, problem=None, **settings):
    engine = _Engine()
    plugin = KubernetesPlugin(engine)
    connection: Any = _Connection(api, problem, **settings)
    plugin._connection = connection
    return plugin, engine


def _struct(manifest):
    return state.write_inputs(values.Decoded(manifest, frozenset()))


def test_a_replacement_that_took_its_own_object_up_does_not_lose_it_by_the_deletion_of_the_old():
    api = _api()
    plugin, engine = _plugin(api)
    urn = URN.format(kind="ConfigMap")
    made = plugin.create(protocol.provider.CreateRequest(urn=urn, properties=_struct(CONFIG)))

    plugin.delete(
        protocol.provider.DeleteRequest(urn=urn, properties=made.properties, old_inputs=_struct(CONFIG))
    )

    assert [entry for entry in api.sent if entry[0] == "DELETE"] == []
    assert any("changed in place" in text for text in engine.warned)
    # The same deletion in another run is meant.
    again, _ = _plugin(api)
    again.delete(
        protocol.provider.DeleteRequest(urn=urn, properties=made.properties, old_inputs=_struct(CONFIG))
    )
    assert [entry[0] for entry in api.sent if entry[0] == "DELETE"] == ["DELETE"]


def test_a_deleted_patch_deletes_no_object():
    api = _api(_live())
    plugin, _ = _plugin(api)
    old = values.Decoded(CONFIG, frozenset())
    request = protocol.provider.DeleteRequest(
        urn=URN.format(kind="ConfigMapPatch"),
        properties=state.write(old, _live(), "m"),
        old_inputs=_struct(CONFIG),
    )

    plugin.delete(request)

    assert api.sent == [(CONFIG, {"manager": "m"})]


CHANGED = {**CONFIG, "data": {"a": "2"}}


@pytest.mark.parametrize(
    ("olds", "skip", "declared"),
    [(CONFIG, True, CONFIG), (CONFIG, False, CHANGED), (None, True, CHANGED)],
    ids=["skipped", "not asked for", "new"],
)
def test_what_a_dead_cluster_holds_stays_as_it_was_declared(olds, skip, declared):
    plugin, engine = _plugin(_api(), UnavailableError("away"), skip_unreachable=skip)
    request = protocol.provider.CheckRequest(
        urn=URN.format(kind="ConfigMap"), type="kubernetes:core/v1:ConfigMap", name="c", news=_struct(CHANGED)
    )
    if olds:
        request.olds.CopyFrom(_struct(olds))

    assert values.plain(plugin.check(request).inputs) == declared
    assert any("left as it is: away" in text for text in engine.warned) is (declared == CONFIG)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_hook_of_helms_is_warned_of(quiet):
    plugin, engine = _plugin(_api(), quiet_hooks=quiet)
    hooked = {**CONFIG, "metadata": {**CONFIG["metadata"], "annotations": {"helm.sh/hook-weight": "1"}}}

    plugin.check(
        protocol.provider.CheckRequest(
            urn=URN.format(kind="ConfigMap"),
            type="kubernetes:core/v1:ConfigMap",
            name="c",
            news=_struct(hooked),
        )
    )

    assert any("helm.sh/hook" in text for text in engine.warned) is not quiet

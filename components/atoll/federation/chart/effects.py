"""What puts Karmada's chart onto a cluster, and waits for the control plane that its pods become.

The cluster owns the truth: the keys are in the chart's own Secret there, and an identity that is there is taken up.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from atoll.charts import drifting
from atoll.cluster.local import launch
from atoll.core import files, naming, x509
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import NotReadyError, RefusedError
from atoll.federation.chart import identity as identities
from atoll.federation.chart import rendering
from atoll.federation.chart.identity import Identity
from atoll.federation.chart.values import RELEASE, Settings
from atoll.federation.joining import CLUSTERS
from atoll.host import Environment
from atoll.kubernetes import Api, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS, Manifest

_DELETION_LIMIT = timedelta(minutes=3)
_SECRET = f"{RELEASE}-cert"
_JOB = "Job"
_WORKLOADS = ("Deployment", "StatefulSet")


class ChartControlPlane(Effect):
    """A Karmada by its own chart in a namespace of its own. `drifted` are objects that are not as it wrote them."""

    replace_on = frozenset({"name", "namespace"})
    secret_outputs = frozenset({"access"})
    outputs = frozenset({"access", "identifier"})

    def check(self, inputs: Values) -> list[Failure]:
        """What other programs than an inventory may say."""
        endpoint = str(inputs.get("endpoint", "https://"))
        if not endpoint.startswith("https://"):
            return [Failure("endpoint", f"found {endpoint!r}; expected https://HOST:PORT")]
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Another address is another certificate; a plane is another one only in another namespace."""
        return frozenset({"access"})

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """It never answered, or its certificates are near their end."""
        if not outputs.get("identifier"):
            return "it was not ready"
        held = Kubeconfig.read(outputs["access"]).certificate
        near = x509.Validity.of(held).near_end(datetime.now(UTC))
        return "its certificates are near their end" if near else None

    def renews(self, inputs: Values, outputs: Values) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """One that was not ready gets its identity."""
        return frozenset({"access"}) if outputs.get("identifier") else frozenset({"access", "identifier"})

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Writes every object, and waits until the plane answers at its address."""
        host, now = _host(inputs), datetime.now(UTC)
        _refuse_foreign(host, inputs)
        _refuse_members(host, inputs)
        wanted = identities.subject(inputs["endpoint"], inputs["namespace"])
        identity = identities.made(wanted, _identity(host, inputs), now)
        for manifest in _manifests(host, inputs, identity):
            _write(host, manifest, context)
        held = identities.administrator(identity, now)
        authority = identity.authority.certificate
        access = Kubeconfig(inputs["endpoint"], authority, held.certificate, held.key, name=inputs["name"])
        outputs = {"access": access.text()}
        if environment := Environment.given():
            files.write(environment.kubeconfig(inputs["name"]), outputs["access"])
        try:
            outputs["identifier"] = _awaited(Api(access, read=LOOK_SECONDS), inputs, context)
        except NotReadyError as error:
            return Outcome(
                inputs["name"], outputs, (str(error), *_lacking(host, inputs["namespace"])), retry=error.retry
            )
        return Outcome(inputs["name"], outputs)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Compares each object with what would be written; the absence of its namespace is the plane's."""
        if not inputs:
            return None
        host = _host(inputs)
        if host.get(_namespace(inputs)) is None:
            return None
        found = _identity(host, inputs)
        if found is None:
            gone = f"Secret {inputs['namespace']}/{_SECRET}: gone, or without its keys"
            return Seen({**inputs, "drifted": [gone]}, outputs)
        looked = drifting.looked(host, _lasting(_manifests(host, inputs, found)), naming.FIELD_MANAGER)
        drifted = [drift for _, drift in looked if drift]
        if environment := Environment.given():
            files.write(environment.kubeconfig(inputs["name"]), outputs["access"])
        return Seen({**inputs, "drifted": drifted}, outputs)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Writes them again."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Takes the namespace with all that is in it, its volumes too, and what is outside of it."""
        host, home = _host(inputs), _namespace(inputs)
        if host.get(home) is None:
            return
        now = datetime.now(UTC)
        wanted = identities.subject(inputs["endpoint"], inputs["namespace"])
        # What objects are called is the same whoever the plane is, and its Secret may be gone.
        for manifest in _manifests(host, inputs, identities.made(wanted, None, now)):
            if manifest["metadata"].get("namespace") is None:
                host.delete(manifest)
        text = f"control plane {inputs['name']}: waiting for namespace {inputs['namespace']} to end"
        launch.until(lambda: host.get(home) is None, text, _DELETION_LIMIT, context)


def _host(inputs: Values) -> Api:
    return Api(Kubeconfig.read(inputs["cluster"]))


def _settings(inputs: Values) -> Settings:
    return Settings(
        inputs["version"],
        int(inputs["replicas"]),
        inputs.get("storageClass") or "",
        inputs["storageSize"],
        inputs.get("values") or {},
    )


def _manifests(host: Api, inputs: Values, identity: Identity) -> list[Manifest]:
    version = str(host.request("GET", "/version")["gitVersion"])
    return rendering.manifests(_settings(inputs), identity, inputs["namespace"], version)


def _namespace(inputs: Values) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inputs["namespace"]}}


def _identity(host: Api, inputs: Values) -> Identity | None:
    metadata = {"name": _SECRET, "namespace": inputs["namespace"]}
    found = host.get({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    return identities.read((found or {}).get("data") or {})


def _refuse_foreign(host: Api, inputs: Values) -> None:
    """A namespace that is there is taken up by our mark alone: all in it goes with the plane."""
    found = host.get(_namespace(inputs))
    if found and (found["metadata"].get("labels") or {}).get(naming.MARK) != naming.PACKAGE:
        raise RefusedError(
            f"control plane {inputs['name']}: found namespace {inputs['namespace']} in its cluster, which is somebody "
            "else's; expected none, or Atoll's. Name another one (namespace), or remove it"
        )


def _refuse_members(host: Api, inputs: Values) -> None:
    """The chart names etcd's members when it makes them: a copy more would be a store of its own."""
    metadata = {"name": "etcd", "namespace": inputs["namespace"]}
    found = host.get({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata})
    wanted = int(inputs["replicas"])
    if found and found["spec"]["replicas"] != wanted:
        raise RefusedError(
            f"control plane {inputs['name']}: replicas: found {wanted}; expected {found['spec']['replicas']} (the "
            "members of its etcd, which the chart cannot change). Make another control plane, or keep them"
        )


def _lasting(manifests: list[Manifest]) -> list[Manifest]:
    """All but the Job that fills the plane: once it is done its cluster removes it."""
    return [each for each in manifests if each["kind"] != _JOB]


def _write(host: Api, manifest: Manifest, context: Context) -> None:
    """A Job is made anew: what it runs cannot be changed."""
    if manifest["kind"] == _JOB and host.delete(manifest):
        text = f"waiting for {_JOB} {manifest['metadata']['name']} to end"
        launch.until(lambda: host.get(manifest) is None, text, _DELETION_LIMIT, context)
    context.report(f"writing {manifest['kind']} {manifest['metadata']['name']}")
    host.apply(drifting.body(host, manifest), force=True)


def _awaited(plane: Api, inputs: Values, context: Context) -> str:
    """The identity of the plane, once its API server answers and serves clusters, which it aggregates."""
    limit = timedelta(seconds=float(inputs["timeoutSeconds"]))
    text = f"control plane {inputs['name']}: waiting for Karmada at {plane.kubeconfig.server}"
    launch.patiently(lambda: plane.request("GET", CLUSTERS), text, limit, context)
    return plane.identifier()


def _lacking(host: Api, namespace: str) -> Iterator[str]:
    """The workloads that have not all their pods."""
    for kind in _WORKLOADS:
        for each in host.items("apps/v1", kind, namespace):
            wanted, ready = each["spec"].get("replicas", 1), each["status"].get("readyReplicas", 0)
            if ready < wanted:
                yield f"{kind} {each['metadata']['name']}: found {ready} ready pods; expected {wanted}"

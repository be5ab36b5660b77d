"""What makes a local control plane real: its processes in their order, and the objects between them."""

import functools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from atoll import toolchain
from atoll.cluster.effects import OUTPUTS
from atoll.cluster.local import credentials, launch
from atoll.cluster.local.launch import Local
from atoll.cluster.local.seat import LOOPBACK, Seat
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import NotReadyError, UnavailableError
from atoll.federation.local import manifests, programs
from atoll.host import Environment, obstacles
from atoll.kubernetes import Api
from atoll.kubernetes.client import LOOK_SECONDS, Manifest

_LIMIT = timedelta(seconds=90)
_WRITERS = 8


class LocalControlPlane(Effect):
    """A Karmada of seven processes on this machine."""

    replace_on = frozenset({"name"})
    secret_outputs = frozenset({"access"})
    outputs = OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """There is nothing to choose."""
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Nothing that an input changes shows in an output; new certificates do."""
        return frozenset() if changed else frozenset({"access"})

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """Its certificates are near their end, or its programs or what they read are others than those that run."""
        return stale(Environment.current(), inputs["name"])

    def renews(self, inputs: Values, outputs: Values) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Another version of a program changes nothing for those who use the plane."""
        changes = launch.access_changes(plane(Environment.current(), inputs["name"]))
        return frozenset({"access"}) if changes else frozenset()

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Starts the control plane, or takes up the one that was begun under this name."""
        environment = Environment.current()
        launch.refuse(environment, [inputs["name"]])
        launch.claim(environment, inputs["name"], context.owner)
        local = plane(environment, inputs["name"])
        seat = local.seat
        local.write()
        launch.start(environment, local, programs.base(seat))
        api = Api(credentials.admin(seat))
        outputs = {"access": api.kubeconfig.text(), "endpoint": seat.server}
        try:
            _bring_up(environment, local, api, context)
            outputs["identifier"] = api.identifier()
        except (NotReadyError, UnavailableError) as error:
            lacking = (
                line for line in obstacles.of_cluster(environment, seat.name) if line not in str(error)
            )
            return Outcome(seat.name, outputs, (str(error), *lacking), retry=error.retry)
        return Outcome(seat.name, outputs)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """The folder's absence is the control plane's."""
        environment = Environment.current()
        if not launch.exists(environment, id):
            return None
        api = Api(credentials.admin(_seat(environment, id)), read=LOOK_SECONDS)
        found = {"access": api.kubeconfig.text(), "endpoint": api.kubeconfig.server}
        return Seen({**inputs, "name": id}, {**found, "identifier": api.identifier()})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Makes programs and objects fit."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Stops it and removes its data."""
        launch.remove(Environment.current(), id)


def stale(environment: Environment, name: str) -> str | None:
    """Why a control plane's processes are not what they should be though nobody asked for a change, or None."""
    return launch.stale(environment, plane(environment, name)) if launch.exists(environment, name) else None


def _seat(environment: Environment, name: str) -> Seat:
    return launch.seat(environment, name, programs.ALL_PORTS, programs.ALL)


def plane(environment: Environment, name: str) -> Local:
    """A control plane as it should be, with its place and ports taken."""
    seat = _seat(environment, name)
    everything = (*programs.base(seat), programs.webhook(seat), *programs.controllers(seat))
    return Local(seat, programs.ALL_SUBJECTS, programs.ENCRYPTED, everything)


def _bring_up(environment: Environment, local: Local, api: Api, context: Context) -> None:
    """The order matters: kinds, aggregation, webhooks that answer, their configurations, controllers."""
    seat = local.seat
    deploy = toolchain.asset("karmada-deploy")
    authority = Path(seat.pki("ca.crt")).read_bytes()
    hooks = f"https://{LOOPBACK}:{seat.ports[programs.WEBHOOK]}"
    launch.wait_until_ready(api, seat.name, context)
    _apply(api, manifests.namespaces(), seat.name, context)
    _apply(api, manifests.custom_resource_definitions(_kinds(), hooks, authority), seat.name, context)
    _apply(api, manifests.aggregation(seat.ports[programs.AGGREGATED], authority), seat.name, context)
    for file in ("cluster-proxy-admin-rbac.yaml", "admin-clusterrole-aggregation.yaml"):
        _apply(api, manifests.documents((deploy / file).read_text()), seat.name, context)
    launch.start(environment, local, [programs.webhook(seat)])
    answers = functools.partial(
        launch.answers, seat.ports[programs.WEBHOOK], "/readyz/", Path(seat.pki("ca.crt"))
    )
    launch.until(answers, f"{seat.name}: waiting for {programs.WEBHOOK}", _LIMIT, context)
    configured = (deploy / "webhook-configuration.yaml").read_text()
    _apply(api, manifests.webhook_configurations(configured, hooks, authority), seat.name, context)
    _wait_for_clusters(api, seat.name, context)
    launch.start(environment, local, programs.controllers(seat))
    for name in (programs.CONTROLLER_MANAGER, programs.SCHEDULER):
        answers = functools.partial(launch.answers, seat.ports[f"{name}-health"], "/healthz")
        launch.until(answers, f"{seat.name}: waiting for {name}", _LIMIT, context)


def _kinds() -> list[str]:
    return [path.read_text() for path in sorted(toolchain.asset("karmada-manifests").glob("bases/**/*.yaml"))]


def _apply(api: Api, objects: Iterable[Manifest], name: str, context: Context) -> None:
    def one(manifest: Manifest) -> None:
        launch.patiently(
            lambda: api.apply(manifest, force=True),
            f"{name}: writing {manifest['kind']} {manifest['metadata']['name']}",
            _LIMIT,
            context,
        )

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(one, objects))


def _wait_for_clusters(api: Api, name: str, context: Context) -> None:
    launch.patiently(
        lambda: api.request("GET", "/apis/cluster.karmada.io/v1alpha1/clusters"),
        f"{name}: waiting for {programs.AGGREGATED}",
        _LIMIT,
        context,
    )

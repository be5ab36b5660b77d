"""What makes clusters real: the `local` driver starts one on this machine, `kubeconfig` takes up one that exists.

Both give the same outputs: `access` (a kubeconfig with credentials inside), `endpoint`, `identifier` (the UID
of kube-system).
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from atoll import toolchain
from atoll.cluster import manifests
from atoll.cluster.local import credentials, launch, lean, programs, sharing
from atoll.cluster.local.launch import Local
from atoll.cluster.local.seat import LEAN_SUBJECTS, PORTS, STORE_SUBJECTS, SUBJECTS, Seat
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import ArgsError, NotReadyError, UnavailableError
from atoll.core.x509 import Subject
from atoll.host import Environment, hearing
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS, MERGE

OUTPUTS = frozenset({"access", "endpoint", "identifier"})
_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
MEMBER_SUBJECTS = {**SUBJECTS, "kube-scheduler": Subject("system:kube-scheduler"), "kwok": Subject("kwok")}
_STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
_START_LIMIT = timedelta(seconds=60)
_FROZEN_LIMIT = timedelta(seconds=15)
"""For the API server of a cluster none of whose processes had to be started: it answers at once or is frozen."""
_CONNECT_SECONDS = 2.0
"""Three tries of it are made: a cluster whose packets nobody answers holds nothing up for long."""


class LocalCluster(Effect):
    """A member on this machine: real API server, store, controllers and scheduler, simulated nodes.

    A lean one is an API server alone, on a store that it shares with the other lean ones.
    """

    replace_on = frozenset({"name", "lean"})
    secret_outputs = frozenset({"access"})
    outputs = OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:
        """Nodes are counted from zero, and a lean cluster has none."""
        nodes = inputs.get("nodes", 0 if inputs.get("lean") else 1)
        if not isinstance(nodes, int) or nodes < 0:
            return [Failure("nodes", f"found {nodes!r}; expected a whole number from 0")]
        if nodes and inputs.get("lean"):
            return [Failure("nodes", f"found {nodes}; expected none (a lean cluster has no nodes)")]
        return []

    def same(self, name: str, old: Any, new: Any) -> bool:
        """A cluster that nobody calls lean is none."""
        return bool(old) == bool(new) if name == "lean" else bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Nothing that an input changes shows in an output; new certificates do."""
        return frozenset() if changed else frozenset({"access"})

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """Its certificates are near their end, or its programs or what they read are others than those that run."""
        environment = Environment.current()
        if not launch.exists(environment, inputs["name"]):
            return None
        stale = launch.stale(environment, member(environment, inputs["name"]))
        if stale or not inputs.get("lean"):
            return stale
        if not launch.exists(environment, lean.STORE):
            return "the store that it shares is gone"
        return launch.stale(environment, store(environment))

    def renews(self, inputs: Values, outputs: Values) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Another version of a program changes nothing for those who use the cluster."""
        changes = launch.access_changes(member(Environment.current(), inputs["name"]))
        return frozenset({"access"}) if changes else frozenset()

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Starts the cluster, or takes up the one that was begun under this name."""
        environment = Environment.current()
        _refuse(environment, inputs)
        launch.claim(environment, inputs["name"], context.owner)
        if inputs.get("lean"):
            _share(environment, inputs["name"])
        local = member(environment, inputs["name"])
        seat = local.seat
        local.write()
        started = launch.start(environment, local, local.programs)
        api = Api(credentials.admin(seat))
        outputs = {"access": api.kubeconfig.text(), "endpoint": seat.server}
        try:
            launch.wait_until_ready(api, seat.name, context, launch.API_LIMIT if started else _FROZEN_LIMIT)
            outputs["identifier"] = _populated(api, inputs, context)
        except NotReadyError as error:
            return Outcome(seat.name, outputs, (str(error),), retry=error.retry)
        return Outcome(seat.name, outputs)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Counts the nodes; the folder's absence is the cluster's."""
        environment = Environment.current()
        if not launch.exists(environment, id):
            return None
        hearing.demand(id)
        api = Api(credentials.admin(_member_seat(environment, id)), read=LOOK_SECONDS)
        if sharing.is_lean(environment, id):
            live: Values = {"lean": True}
        else:
            live = {"nodes": len(api.items("v1", "Node"))}
        return Seen(
            {**inputs, "name": id, **live},
            {
                "access": api.kubeconfig.text(),
                "endpoint": api.kubeconfig.server,
                "identifier": api.identifier(),
            },
        )

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Makes nodes and programs fit."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Stops it and removes its data."""
        launch.remove(Environment.current(), id)


class ExistingCluster(Effect):
    """A cluster that somebody else runs, taken up by a kubeconfig, or by a file with one, and its context."""

    replace_on = frozenset[str]()
    secret_outputs = frozenset({"access"})
    outputs = OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:
        """The file is looked at when the cluster is taken up, and by the command's preflight before that."""
        both = inputs.get("file") and inputs.get("kubeconfig")
        return [Failure("file", "found a kubeconfig beside it; expected one of them")] if both else []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Another file or context may be another cluster; newer credentials in the same file are not."""
        return OUTPUTS if changed else frozenset({"access"})

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """The file may hold newer credentials than the state."""
        try:
            current = _existing(inputs).text()
        except ArgsError:
            return None
        return None if current == outputs.get("access") else "the kubeconfig changed"

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Reads the kubeconfig and asks the cluster who it is."""
        kubeconfig = _existing(inputs)
        try:
            identifier = Api(kubeconfig, connect=_CONNECT_SECONDS, read=LOOK_SECONDS).identifier()
        except ApiError as error:
            raise UnavailableError(
                f"cluster {inputs['name']}: {kubeconfig.server}: found a refusal ({error}); expected to be let in. "
                f"Renew the credentials in {inputs.get('file') or 'its kubeconfig'}."
            ) from error
        outputs = {"access": kubeconfig.text(), "endpoint": kubeconfig.server, "identifier": identifier}
        return Outcome(inputs["name"], outputs)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002 - the protocol's
        """Asks again."""
        hearing.demand(id)
        return Seen(inputs, {**outputs, **self.create(id, inputs, context).outputs})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Reads the new file or context."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Leaves the cluster as it is: it is somebody else's."""


def _existing(inputs: Values) -> Kubeconfig:
    if text := inputs.get("kubeconfig"):
        return Kubeconfig.read(text, inputs.get("context"))
    path = Path(inputs["file"]).expanduser()
    if not path.is_absolute():
        # An engine of another repository's runs its plugins in the folder of the program.
        path = (environment.project if (environment := Environment.given()) else Path.cwd()) / path
    try:
        text = path.read_text()
    except OSError as error:
        raise ArgsError(
            f"cluster {inputs['name']}: kubeconfig: found {inputs['file']!r} ({error.strerror}); expected a readable file"
        ) from error
    return Kubeconfig.read(text, inputs.get("context"), path.parent)


def _member_seat(environment: Environment, name: str) -> Seat:
    if sharing.is_lean(environment, name):
        return launch.seat(environment, name, sharing.CLUSTER_PORTS, ("kube-apiserver",))
    return launch.seat(environment, name, (*PORTS, "kube-scheduler", "kwok"), _PROGRAMS)


def member(environment: Environment, name: str) -> Local:
    """A member as it should be, lean or not as it was begun, with its place and ports taken."""
    seat = _member_seat(environment, name)
    if seat.shared:
        return Local(seat, LEAN_SUBJECTS, ("secrets",), programs.lean(seat))
    return Local(seat, MEMBER_SUBJECTS, ("secrets",), programs.member(seat), {programs.STAGES: _stages()})


def store(environment: Environment) -> Local:
    """The store that lean members share, as it should be, with its place and ports taken."""
    seat = launch.seat(environment, lean.STORE, sharing.PORTS, ("etcd",))
    return Local(seat, STORE_SUBJECTS, (), (programs.etcd(seat),))


def _refuse(environment: Environment, inputs: Values) -> None:
    name, is_lean = inputs["name"], bool(inputs.get("lean"))
    sharing.refuse_other(environment, name, is_lean_one=is_lean)
    launch.refuse(environment, [name, lean.STORE] if is_lean else [name])


def _share(environment: Environment, name: str) -> None:
    """Gives a cluster a part in the store, which it brings up where it does not run."""
    with sharing.changing(environment):
        sharing.join(environment, name)
        shared = store(environment)
        shared.write()
        launch.start(environment, shared, shared.programs)


def _stages() -> str:
    folder = toolchain.asset("kwok-stages")
    ours = yaml.safe_dump(manifests.pod_ready_again())
    return "---\n".join([*((folder / name).read_text() for name in _STAGES), ours])


def _populated(api: Api, inputs: Values, context: Context) -> str:
    """Waits until a cluster has its nodes; returns its identifier."""
    if not inputs.get("lean"):
        what = f"{inputs['name']}: making its nodes"
        launch.patiently(lambda: _populate(api, inputs), what, _START_LIMIT, context)
    # It may make its own namespaces after it is ready.
    found: list[str] = []
    what = f"{inputs['name']}: waiting for its namespaces"
    launch.patiently(lambda: found.append(api.identifier()), what, _START_LIMIT, context)
    return found[-1]


def _populate(api: Api, inputs: Values) -> None:
    """Makes the cluster's nodes those that are declared: no fewer, no more."""
    for manifest in manifests.kwok_access():
        api.apply(manifest, force=True)
    wanted = manifests.nodes(inputs["name"], inputs.get("nodes", 1), inputs.get("region"), inputs.get("zone"))
    live = {node["metadata"]["name"] for node in api.items("v1", "Node")}
    for node in wanted:
        applied = api.apply(node, force=True)
        if not applied.get("status", {}).get("allocatable"):
            api.request("PATCH", f"{api.path(node)}/status", manifests.node_status(), content_type=MERGE)
    for name in live - {node["metadata"]["name"] for node in wanted}:
        api.delete({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})

"""The gate of a propagation: asks each cluster, through the plane, whether it runs what was written."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import AtollError
from atoll.federation import delivery
from atoll.federation.delivery import Wanted
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS, Manifest

_OUTPUTS = frozenset({"delivered"})
_READERS = 16
_UNREADY_PATIENCE = timedelta(seconds=15)
"""How long the gate waits for a cluster that says it is not Ready, once all others are served."""
_NOT_FOUND = 404
_CLUSTERS = "/apis/cluster.karmada.io/v1alpha1/clusters"


class PropagationStatus(Effect):
    """Done when every cluster runs every object as it was written."""

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = _OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """The component makes the inputs."""
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Other objects or clusters, other counts; so too when it is asked again for one that lagged."""
        return frozenset() if changed and not changed & {"objects", "clusters"} else _OUTPUTS

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """Some cluster was not served when it was asked last."""
        delivered, whole = outputs.get("delivered", {}), len(inputs.get("objects", []))
        behind = [name for name in inputs.get("clusters", []) if delivered.get(name) != whole]
        return f"not served: {', '.join(behind)}" if behind else None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Polls until all clusters are served or the time is over; names those that lag."""
        watch = Watch(inputs)
        begin, pause = time.monotonic(), 0.1
        while True:
            lagging = watch.look()
            waited = time.monotonic() - begin
            if not lagging or context.cancelled.is_set() or waited > inputs["timeoutSeconds"]:
                break
            if waited > _UNREADY_PATIENCE.total_seconds() and set(lagging) <= watch.unready:
                break
            context.report(f"waiting for {', '.join(sorted(lagging))} ({waited:.0f} s)")
            context.cancelled.wait(pause)
            pause = min(pause * 1.5, 1)
        problems = tuple(delivery.summary(inputs["name"], lagging, waited))
        return Outcome(inputs["name"], {"delivered": watch.delivered(lagging)}, problems)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002 - the protocol's
        """Looks once."""
        if not inputs:
            return None
        watch = Watch(inputs)
        lagging = watch.look()
        for line in delivery.summary(id, lagging, 0):
            context.warn(line)
        return Seen(inputs, {**outputs, "delivered": watch.delivered(lagging)})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Waits for what is written now."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """A gate leaves nothing behind."""


class Watch:
    """What is asked of each cluster; what is served once is not asked again."""

    def __init__(self, inputs: Values) -> None:
        self._api = Api(Kubeconfig.read(inputs["access"]), read=LOOK_SECONDS)
        self._clusters: list[str] = inputs["clusters"]
        self._wanted = {
            name: [Wanted.of(values, name) for values in inputs["objects"]] for name in self._clusters
        }
        self._served: set[tuple[str, Wanted]] = set()
        self.unready: set[str] = set()

    def look(self) -> dict[str, list[str]]:
        """Asks every cluster that lags; returns what each still lacks."""
        with ThreadPoolExecutor(_READERS) as pool:
            found = dict(zip(self._clusters, pool.map(self._cluster, self._clusters), strict=True))
        return {name: reasons for name, reasons in found.items() if reasons}

    def delivered(self, lagging: dict[str, list[str]]) -> dict[str, int]:
        """For each cluster, how many objects it runs as written."""
        return {
            name: sum((name, wanted) in self._served for wanted in self._wanted[name])
            if name in lagging
            else len(self._wanted[name])
            for name in self._clusters
        }

    def _cluster(self, name: str) -> list[str]:
        missing = [wanted for wanted in self._wanted[name] if (name, wanted) not in self._served]
        if not missing:
            return []
        try:
            problem = delivery.unready(self._get(f"{_CLUSTERS}/{name}"))
            reasons = [] if problem else [lag for each in missing if (lag := self._object(name, each))]
        except AtollError as error:
            # Whatever else is asked of it would wait as long in vain.
            problem, reasons = f"cannot be asked: {error}", []
        if problem:
            self.unready.add(name)
            return [problem]
        self.unready.discard(name)
        return reasons

    def _object(self, cluster: str, wanted: Wanted) -> str | None:
        try:
            path = self._api.path(wanted.manifest)
        except ApiError as error:
            return f"{wanted.label}: {error}"
        live = self._get(f"{_CLUSTERS}/{cluster}/proxy{path}")
        reason = delivery.lag(wanted, live)
        if reason is None:
            self._served.add((cluster, wanted))
        return reason

    def _get(self, path: str) -> Manifest | None:
        try:
            return self._api.request("GET", path)
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise

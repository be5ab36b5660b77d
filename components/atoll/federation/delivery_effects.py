"""The gate of a propagation: asks each cluster, through the plane, whether it runs what was written."""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from atoll.core import naming
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import AtollError
from atoll.federation import delivery, failover, placement
from atoll.federation.delivery import Wanted
from atoll.federation.failover import Share
from atoll.federation.joining import CLUSTERS
from atoll.host import hearing
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS, MERGE, Manifest

_OUTPUTS = frozenset({"delivered"})
_READERS = 16
_SILENT_PATIENCE = timedelta(seconds=15)
"""How long the gate waits for a cluster that does not answer, once all others are served."""
_SHARE_AGAIN = 2.0
"""Seconds after which replicas are shared out anew once more: clusters join one after another, and Karmada's times are whole seconds."""
_REWATCH_SECONDS = 60.0
"""How long Karmada's watches of a member that was cut off may pause: what was just taken away there is still there for it.

A share that was given meanwhile comes only then. Source: client-go's reflector, whose backoff ends at 30 s, times up to two.
"""
_FORMER_AFTER = 1.0
"""Seconds after which somebody who lags may still be under an override that nobody declares any more."""


class PropagationStatus(Effect):
    """Done when every cluster runs every object as it was written.

    With `failover` a Deployment is to run in as many clusters that are Ready as it has replicas; where it does not, as
    after the return of one that failed, its replicas are shared out anew.
    """

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = _OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """The component makes the inputs."""
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Other objects or clusters, other counts; so too when it is asked again for one that lagged."""
        return frozenset() if changed and not changed & {"objects", "clusters", "failover"} else _OUTPUTS

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """Some cluster was not served when it was asked last."""
        delivered, whole = outputs.get("delivered", {}), len(inputs.get("objects", []))
        behind = [name for name in inputs.get("clusters", []) if delivered.get(name) != whole]
        return f"not served: {', '.join(behind)}" if behind else None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Polls until all clusters are served or the time is over; names those that lag.

        Where replicas are shared out anew, some cluster returned: it has the time of Karmada's watches beside its own.
        """
        watch, limit = Watch(inputs), float(inputs["timeoutSeconds"])
        begin, pause, released, shared = time.monotonic(), 0.1, False, 0.0
        while True:
            lagging = watch.look()
            waited = time.monotonic() - begin
            if lagging and waited > _FORMER_AFTER and not released:
                watch.release()
                released = True
            if waited - shared > _SHARE_AGAIN:
                if watch.share():
                    limit = inputs["timeoutSeconds"] + _REWATCH_SECONDS
                shared = waited
            if not lagging or context.cancelled.is_set() or waited > limit:
                break
            if waited > _SILENT_PATIENCE.total_seconds() and set(lagging) <= watch.silent:
                break
            context.report(f"waiting for {', '.join(sorted(lagging))} ({waited:.0f} s)")
            context.cancelled.wait(pause)
            pause = min(pause * 1.5, 1)
        problems = tuple(delivery.summary(inputs["name"], lagging, waited))
        return Outcome(inputs["name"], {"delivered": watch.delivered(lagging)}, problems)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002 - the protocol's
        """Looks once; of a member that is silent nothing is known, and nothing told."""
        if not inputs:
            return None
        watch = Watch(inputs, demand=hearing.demand)
        lagging = watch.look()
        for line in delivery.summary(id, lagging, 0):
            context.warn(line)
        found = watch.delivered(lagging)
        delivered = {name: count for name, count in found.items() if name not in watch.silent}
        return Seen(inputs, {**outputs, "delivered": delivered})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Waits for what is written now."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """A gate leaves nothing behind."""


class Watch:
    """What is asked of each cluster; what is served once is not asked again, nor what is known to be silent."""

    def __init__(self, inputs: Values, demand: Callable[[str], None] = lambda _name: None) -> None:
        self._api = Api(Kubeconfig.read(inputs["access"]), read=LOOK_SECONDS)
        self._name, self._objects = inputs["name"], inputs["objects"]
        self._clusters: list[str] = inputs["clusters"]
        self._wanted = {
            name: [Wanted.of(values, name) for values in inputs["objects"]] for name in self._clusters
        }
        self._served: set[tuple[str, Wanted]] = set()
        self._failover = bool(inputs.get("failover"))
        self._ready: list[str] = []
        self._shares: dict[str, tuple[Manifest, Share | None]] = {}
        self.silent: set[str] = set()
        self._demand = demand

    def look(self) -> dict[str, list[str]]:
        """Asks every cluster that lags; returns what each still lacks."""
        if self._failover:
            # A plane that does not answer is told by each cluster's own look.
            with contextlib.suppress(AtollError):
                self._place()
        with ThreadPoolExecutor(_READERS) as pool:
            found = dict(zip(self._clusters, pool.map(self._cluster, self._clusters), strict=True))
        return {name: reasons for name, reasons in found.items() if reasons}

    def release(self) -> None:
        """Takes away overrides of the propagation that it no longer declares.

        The engine does so itself, but only once all else is done, and what is waited for here is never without them.
        """
        for values in self._objects:
            if values.get("revisions"):
                continue
            manifest = Wanted.of(values, "").manifest
            name = naming.child(self._name, placement.role(manifest))
            policy = placement.override_policy(name, manifest, ())
            found = self._api.get(policy)
            if found and (found["metadata"].get("labels") or {}).get(naming.MARK) == naming.PACKAGE:
                self._api.delete(policy)

    def share(self) -> bool:
        """Lets Karmada share replicas out anew where a cluster that is Ready has none and could have; whether it does."""
        shared = False
        for binding, share in self._shares.values():
            if share and not share.is_fair(self._ready):
                # Where it fails the cluster goes on to lag, and it is asked for again.
                with contextlib.suppress(AtollError):
                    path = self._api.path(binding)
                    self._api.request("PATCH", path, failover.sharing_anew(), content_type=MERGE)
                    shared = True
        return shared

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
            self._demand(name)
            # Karmada calls a member Ready only some time after its return: the member itself is asked.
            problem = delivery.unjoined(self._api.find(f"{CLUSTERS}/{name}"))
            # One that is being made joins in its own time.
            silent = bool(problem) and hearing.is_silent(name)
            reasons = [problem] if problem else [lag for each in missing if (lag := self._object(name, each))]
        except AtollError as error:
            # Whatever else is asked of it would wait as long in vain.
            silent, reasons = True, [f"cannot be asked: {error}"]
        (self.silent.add if silent else self.silent.discard)(name)
        return reasons

    def _place(self) -> None:
        """Looks where the replicas are, and who could have some."""
        found = {each["metadata"]["name"]: each for each in self._api.request("GET", CLUSTERS)["items"]}
        self._ready = [name for name in self._clusters if delivery.unready(found.get(name)) is None]
        for values in self._objects:
            wanted = Wanted.of(values, "")
            if placement.moves(wanted.manifest):
                binding = failover.binding(wanted.manifest)
                self._shares[wanted.label] = binding, Share.of(self._api.get(binding))

    def _object(self, cluster: str, wanted: Wanted) -> str | None:
        _, share = self._shares.get(wanted.label, (None, None))
        if share and cluster not in share.clusters:
            # Its replicas are elsewhere, as they should where this cluster failed or there are fewer than clusters.
            return None if share.is_fair(self._ready) else f"{wanted.label} has no replicas here"
        try:
            path = self._api.path(wanted.manifest)
        except ApiError as error:
            return f"{wanted.label}: {error}"
        live = self._api.find(f"{CLUSTERS}/{cluster}/proxy{path}")
        reason = delivery.lag(wanted, live)
        if reason is None:
            self._served.add((cluster, wanted))
        return reason

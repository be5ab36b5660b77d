"""What makes a bundle real: a Work for each member, all at once, and what each of them has of it then."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import ArgsError, AtollError, quoted
from atoll.federation import works
from atoll.federation.direct_effects import Ways
from atoll.federation.sight_effects import Sight
from atoll.federation.work_effects import MemberWork, Precedence, Served, withdraw
from atoll.federation.works import Bundle
from atoll.host import hearing
from atoll.kubernetes import Api, Kubeconfig
from atoll.kubernetes.client import Manifest

_OUTPUTS = frozenset({"delivered", "lacking", "leaving"})
_MOST_THREADS = 32
_TOLD = 20
"""Objects of one cluster that are named."""
_LEAVE_SECONDS = 60.0
_PLANE_PATIENCE = 15.0
"""Seconds for which a plane is asked again that cannot list Works: it has just begun, and makes room for them."""
_MOST_BYTES = 1_000_000
"""etcd takes requests of 1.5 MiB (`--max-request-bytes`), and Karmada adds marks to each object."""


class BundleDelivery(Effect):
    """Objects in one Work for each member, served side by side: a member that is dead or refuses holds up no other.

    `objects` are what a gate waits for (`apiVersion`, `kind`, `name`, `namespace`, `revision`, `revisions`), `manifests`
    what is written, in the same order; an override names its `object` by that index. Outputs: `delivered` is the count of
    objects that a cluster has as written, `lacking` says why each other one is not there, `leaving` names what has to go
    and is not gone; both by cluster, without those for which there is nothing to say.
    """

    replace_on = frozenset({"name"})
    secret_outputs = frozenset[str]()
    outputs = _OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:
        """A Work holds them, and patches fit the manifests that they are for."""
        size = len(json.dumps(inputs.get("manifests", [])))
        if size > _MOST_BYTES:
            problem = f"found {size} bytes; expected at most {_MOST_BYTES}, which a Work holds. Make it several bundles"
            return [Failure("manifests", problem)]
        if not {"manifests", "objects", "overrides"} <= inputs.keys():
            return []
        bundle, found = Bundle({"name": "", "clusters": [], **inputs}), []
        for index, override in enumerate(inputs["overrides"]):
            try:
                bundle.copies(next(iter(override["clusters"]), ""))
            except ArgsError as error:
                found.append(Failure(f"overrides[{index}]", str(error)))
        return found

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Another way in or another patience leaves what the members have; so too when a look found something missing."""
        return frozenset() if changed and changed <= {"access", "timeoutSeconds"} else _OUTPUTS

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """Some cluster had not all of it, or still had what left it, when it was looked at last."""
        delivered, whole = outputs.get("delivered", {}), len(inputs.get("objects", []))
        behind = {name for name in inputs.get("clusters", []) if delivered.get(name) != whole}
        behind |= (outputs.get("leaving") or {}).keys()
        return f"not as declared: {', '.join(sorted(behind))}" if behind else None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Writes the Works that are not as wanted, takes those of former clusters away, and waits for each member."""
        bundle, plane = Bundle(inputs), _plane(inputs)
        seconds, sight = float(inputs["timeoutSeconds"]), _sights(plane, bundle)
        there = {works.cluster_of(each): each for each in _works(plane, bundle, context)}
        precedence = Precedence(bundle.clusters)
        former = [work for cluster, work in there.items() if cluster not in bundle.clusters]
        with ThreadPoolExecutor(_MOST_THREADS) as pool:
            served = {
                cluster: pool.submit(
                    MemberWork(sight(cluster), there.get(cluster), precedence).serve, context, seconds
                )
                for cluster in bundle.clusters
            }
            left = _withdrawn(pool, sight, former, context)
            _report({**served, **left}, context)
        found = {cluster: each.result() for cluster, each in served.items()}
        remaining = _told(bundle, left, context)
        return Outcome(bundle.name, _outputs(found, remaining), tuple(problems(bundle.name, found)))

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002 - the protocol's
        """Looks once at what each member has; nothing is written, and the plane's Works are not asked for.

        Of a member that is silent nothing is known, and nothing told.
        """
        if not inputs:
            return None
        found = look(inputs, demand=hearing.demand)
        for line in problems(id, found):
            context.warn(line)
        seen = _outputs({name: each for name, each in found.items() if not each.silence}, {})
        return Seen(inputs, {**outputs, **seen, "leaving": outputs.get("leaving") or {}})

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """The same: what is written already is not written again."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Deletes all Works, and waits until Karmada took what they carried from the members that answer."""
        bundle, plane = Bundle(inputs), _plane(inputs)
        with ThreadPoolExecutor(_MOST_THREADS) as pool:
            found = _works(plane, bundle, context)
            left = _withdrawn(pool, _sights(plane, bundle), found, context)
            _report(left, context)
        _told(bundle, left, context)


def look(
    inputs: Mapping[str, Any],
    dead: Collection[str] = (),
    demand: Callable[[str], None] = lambda _name: None,
) -> dict[str, Served]:
    """What each member has of a bundle now, by cluster; those known to be `dead` are left out."""
    bundle = Bundle(inputs)
    sight, names = _sights(_plane(inputs), bundle), [name for name in bundle.clusters if name not in dead]
    with ThreadPoolExecutor(_MOST_THREADS) as pool:
        found = pool.map(lambda name: _seen(sight, name, demand), names)
        return dict(zip(names, found, strict=True))


def problems(name: str, found: Mapping[str, Served]) -> Iterator[str]:
    """One line for each object of a cluster that is not as written, or for the cluster where it cannot be asked."""
    for cluster, served in sorted(found.items()):
        where = f"bundle {name}: cluster {cluster}"
        if served.silence:
            yield f"{where}: {served.silence}"
            continue
        lines = [f"{label}: {reason}" if label else reason for label, reason in served.lacking.items()]
        lines += [f"{label}: it left the bundle and is still there" for label in served.leaving]
        yield from (f"{where}: {line}" for line in lines[:_TOLD])
        if len(lines) > _TOLD:
            yield f"{where}: {len(lines) - _TOLD} more objects are not as declared"


def _seen(sights: Callable[[str], Sight], name: str, demand: Callable[[str], None]) -> Served:
    sight = sights(name)
    try:
        demand(name)
        lags = sight.lags()
    except AtollError as error:
        return Served(silence=f"cannot be asked: {quoted(error)}")
    return Served(sight.delivered, {each.label: reason for each, reason in lags.items()})


def _outputs(found: Mapping[str, Served], former: Mapping[str, str]) -> Values:
    leaving = {name: each.leaving for name, each in found.items() if each.leaving}
    return {
        "delivered": {name: each.delivered for name, each in found.items()},
        "lacking": {name: each.lacking for name, each in found.items() if each.lacking},
        "leaving": leaving | {name: ["Work"] for name in former},
    }


def _withdrawn(
    pool: ThreadPoolExecutor, sight: Callable[[str], Sight], found: list[Manifest], context: Context
) -> "dict[str, Future[str | None]]":
    """Begins to take Works away, by cluster."""
    works_by_cluster = {works.cluster_of(each): each for each in found}
    return {
        cluster: pool.submit(withdraw, sight(cluster), each, context, _LEAVE_SECONDS)
        for cluster, each in works_by_cluster.items()
    }


def _told(bundle: Bundle, left: "Mapping[str, Future[str | None]]", context: Context) -> dict[str, str]:
    """Warns of the clusters that still have something of what was taken away; returns why, by cluster."""
    found = {cluster: reason for cluster, each in left.items() if (reason := each.result())}
    for cluster, reason in sorted(found.items()):
        context.warn(f"bundle {bundle.name}: cluster {cluster}: {reason}")
    return found


def _report(running: Mapping[str, "Future[Any]"], context: Context) -> None:
    """Says whom it waits for, until nobody is left."""
    while wait(running.values(), timeout=1).not_done:
        names = sorted(name for name, each in running.items() if not each.done())
        context.report(f"waiting for {', '.join(names)}")


def _sights(plane: Api, bundle: Bundle) -> Callable[[str], Sight]:
    """What looks at a member, by its name."""
    ways = Ways(plane)
    return lambda member: Sight(plane, bundle, member, ways)


def _plane(inputs: Mapping[str, Any]) -> Api:
    return Api(Kubeconfig.read(inputs["access"]))


def _works(plane: Api, bundle: Bundle, context: Context) -> list[Manifest]:
    """The Works of a bundle, whichever members they are for."""
    patient = plane.patiently(_PLANE_PATIENCE, context.cancelled)
    return patient.items(works.API, "Work", **bundle.selector)

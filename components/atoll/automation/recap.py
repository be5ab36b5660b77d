"""The recap at the end of a run, one line for each cluster, in the manner of Ansible. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from atoll.automation.events import GATES, Outcome, Result
from atoll.core.errors import Exit
from atoll.federation.delivery import Wanted

Recap = dict[str, "Tally"]


@dataclass(frozen=True)
class Tally:
    """What happened at one cluster: resources that are as declared, that were changed, that failed.

    `unreachable` is why the cluster does not answer, or empty.
    """

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: str = ""

    def plus(self, ok: int = 0, changed: int = 0, failed: int = 0) -> "Tally":
        """With more of each."""
        return replace(self, ok=self.ok + ok, changed=self.changed + changed, failed=self.failed + failed)


def of_run(places: Iterable[str], results: Iterable[Result]) -> Recap:
    """The recap of an engine's run; what concerns no single cluster counts for the control plane, `places[0]`."""
    names = list(places)
    recap = {name: Tally() for name in names}
    last = {result.urn: result for result in results if result.type not in GATES}
    for result in last.values():
        name = result.place or names[0]
        recap[name] = recap.get(name, Tally()).plus(**{result.outcome.value: 1})
    return recap


def remaining(recap: Recap, results: Iterable[Result]) -> list[str]:
    """The names in a recap but those of which all was deleted."""
    verbs: dict[str | None, set[str]] = {}
    for result in results:
        verbs.setdefault(result.place, set()).add(result.verb)
    return [name for name in recap if verbs.get(name) != {"deleted"}]


def deliveries(recap: Recap, before: Mapping[str, Any], after: Mapping[str, Any]) -> Recap:
    """Adds what propagations and bundles brought to each member.

    `before` and `after` are {type and name: properties of the status}: `clusters`, `objects` with revisions, and
    `delivered`, as the members had them before the run and have them now.
    """
    found = dict(recap)
    for name, status in after.items():
        for cluster in status.get("clusters", []):
            ok, changed, failed = _brought(cluster, before.get(name, {}), status)
            found[cluster] = found.get(cluster, Tally()).plus(ok, changed, failed)
    return found


def _brought(cluster: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[int, int, int]:
    """How many objects of a propagation a member has as before, new or anew, and not."""
    wanted = {Wanted.of(entry, cluster) for entry in after.get("objects", [])}
    known = {Wanted.of(entry, cluster) for entry in before.get("objects", [])}
    lost = len(known) - before.get("delivered", {}).get(cluster, 0)
    delivered = after.get("delivered", {}).get(cluster, 0)
    changed = min(len(wanted - known) + lost, delivered)
    return delivered - changed, changed, len(wanted) - delivered


def unreachable(recap: Recap, reasons: Mapping[str, str]) -> Recap:
    """Marks the clusters that do not answer; what was not delivered there is no failure of its own."""
    return {
        name: replace(tally, failed=0, unreachable=reasons[name]) if name in reasons else tally
        for name, tally in recap.items()
    }


def exit_code(recap: Recap, results: Iterable[Result] = ()) -> Exit:
    """What the command ends with; where all that failed did so for one known reason, that reason's code."""
    if any(tally.failed for tally in recap.values()):
        unreachable = {name for name, tally in recap.items() if tally.unreachable}
        last = {result.urn: result for result in results if result.place not in unreachable}
        codes = {result.code for result in last.values() if result.outcome is Outcome.FAILED}
        return (codes.pop() or Exit.FAILED) if len(codes) == 1 else Exit.FAILED
    return Exit.UNAVAILABLE if any(tally.unreachable for tally in recap.values()) else Exit.DONE


def lines(recap: Recap) -> list[str]:
    """The recap for people."""
    width = max((len(name) for name in recap), default=0)
    return [
        f"{name:<{width}} : ok={tally.ok:<4} changed={tally.changed:<4} failed={tally.failed:<4} "
        f"unreachable={int(bool(tally.unreachable))}"
        + (f"  ({tally.unreachable})" if tally.unreachable else "")
        for name, tally in recap.items()
    ]


def values(recap: Recap) -> dict[str, dict[str, Any]]:
    """The recap for programs: {cluster: {ok, changed, failed, unreachable}}."""
    return {
        name: {"ok": t.ok, "changed": t.changed, "failed": t.failed, "unreachable": t.unreachable or None}
        for name, t in recap.items()
    }


def counts(results: Iterable[Result]) -> dict[Outcome, int]:
    """How many resources ended how."""
    last = {result.urn: result.outcome for result in results}
    return {outcome: sum(each is outcome for each in last.values()) for outcome in Outcome}

"""Waits until a live object is what a rule says, or is gone."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, ApiError, UnreachableError
from atoll.provider.kubernetes import manifests, readiness
from atoll.provider.kubernetes.manifests import Manifest

_FIRST_PAUSE = 0.05
_LAST_PAUSE = 1.0
_GROWTH = 1.5
_SILENCE = 30.0
"""Seconds for which a server may not answer while it is waited for: it may be restarting."""


@dataclass(frozen=True)
class Wait:
    """How long to wait (seconds), whom to tell, and what ends it early."""

    limit: float
    report: Callable[[str], None]
    cancelled: threading.Event


class WaitError(AtollError):
    """What was awaited did not come; `live` is the object as it was last seen, None where it is gone."""

    def __init__(self, message: str, live: Manifest | None) -> None:
        self.live = live
        super().__init__(message)


def until_ready(api: Api, live: Manifest, rule: readiness.Rule, wait: Wait) -> Manifest:
    """Waits for a rule, beginning with the object as it was just seen; returns the object that fulfils it.

    Raises:
        WaitError: it never did.
    """
    label = manifests.label(live)

    def test(seen: Manifest | None) -> readiness.Verdict:
        if seen is None:
            return readiness.Verdict(ready=False, missing="it was deleted meanwhile", hopeless=True)
        return rule(seen)

    seen = _until(api, live, test, wait, f"{label}: expected it to become ready")
    return seen if seen is not None else live


def until_gone(api: Api, live: Manifest, wait: Wait) -> None:
    """Waits until an object is gone, or another one has its name.

    Raises:
        WaitError: it stayed; the text names the finalizers that hold it.
    """
    uid = manifests.metadata(live).get("uid")

    def test(seen: Manifest | None) -> readiness.Verdict:
        if seen is None or manifests.metadata(seen).get("uid") != uid:
            return readiness.READY
        return readiness.waiting(f"still there; {_held(seen)}")

    _until(api, live, test, wait, f"{manifests.label(live)}: expected it to be gone")


def _held(leaving: Manifest) -> str:
    """What keeps an object that is being deleted: its finalizers, and what a namespace says of its content."""
    spec, status = leaving.get("spec"), leaving.get("status")
    own = spec.get("finalizers") if isinstance(spec, dict) else None
    names = [*(manifests.metadata(leaving).get("finalizers") or []), *(own if isinstance(own, list) else [])]
    said = status.get("conditions") if isinstance(status, dict) and own else None
    reasons = [str(entry.get("message")) for entry in said or [] if entry.get("status") == "True"]
    return "; ".join([f"finalizers: {', '.join(names) or 'none'}", *reasons])


def _until(
    api: Api,
    live: Manifest,
    test: Callable[[Manifest | None], readiness.Verdict],
    wait: Wait,
    expectation: str,
) -> Manifest | None:
    start = last_answer = time.monotonic()
    seen: Manifest | None = live
    verdict, pause, said = test(seen), _FIRST_PAUSE, ""
    while not verdict.ready:
        waited = time.monotonic() - start
        if verdict.hopeless or waited > wait.limit or wait.cancelled.is_set():
            why = "; interrupted" if wait.cancelled.is_set() else ""
            raise WaitError(f"{expectation}, found after {waited:.0f} s: {verdict.missing}{why}", seen)
        if verdict.missing != said and seen is not live:
            said = verdict.missing
            wait.report(f"waiting: {said}")
        wait.cancelled.wait(pause)
        pause = min(pause * _GROWTH, _LAST_PAUSE)
        try:
            seen = api.get(live)
        except (ApiError, UnreachableError) as error:
            if time.monotonic() - last_answer > _SILENCE:
                raise WaitError(
                    f"{expectation}, found no answer for {_SILENCE:.0f} s: {error}", seen
                ) from error
            continue
        last_answer, verdict = time.monotonic(), test(seen)
    return seen

"""Waits until a live object is what a rule says, or is gone.

It asks at once and soon again, since most that is written is ready within a second. What takes longer is listened to:
whoever waits asks only when a watch tells of news, and now and then all the same, for a watch may be lost.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from atoll.core.errors import AtollError
from atoll.kubernetes import Api, ApiError, Ears, Topic, UnreachableError, identities
from atoll.provider.kubernetes import awaiting, pods, readiness
from atoll.provider.kubernetes.manifests import Manifest

_FIRST_PAUSE = 0.05
_LAST_PAUSE = 1.0
_GROWTH = 1.5
_LISTEN_AFTER = 0.5
"""Seconds of asking, before a watch is opened."""
_UNHEARD = 15.0
"""Seconds between two looks of somebody who listens and hears nothing."""
_ALERT = 0.5
"""Seconds within which somebody who rests notices that he is to stop."""
_SILENCE = 30.0
"""Seconds for which a server may not answer, or say that it cannot: it may be restarting."""
_DOUBT = 5.0
"""Seconds for which a refusal is doubted: a server that starts refuses what it would allow once it knows its roles."""


@dataclass(frozen=True)
class Wait:
    """How long to wait (seconds), whom to tell, and what ends it early."""

    limit: float
    report: Callable[[str], None]
    cancelled: threading.Event

    def patient(self, api: Api) -> Api:
        """The server as it is asked by one who waits: again, while it is away for a short time."""
        return api.patiently(min(self.limit, _SILENCE), self.cancelled)


class WaitError(AtollError):
    """What was awaited did not come; `live` is the object as it was last seen, None where it is gone."""

    def __init__(self, message: str, live: Manifest | None) -> None:
        self.live = live
        super().__init__(message)


def until_ready(
    api: Api, live: Manifest, rule: readiness.Rule, around: awaiting.Surroundings, wait: Wait
) -> Manifest:
    """Waits for a rule, beginning with the object as it was just seen; returns the object that fulfils it.

    Raises:
        WaitError: it never did; the text names what its pods lack, if it has any.
    """

    def test(seen: Manifest | None) -> readiness.Verdict:
        if seen is None:
            return readiness.hopeless("it was deleted meanwhile")
        return rule(seen)

    seen = _Vigil(api, live, wait, f"{identities.label(live)}: expected it to become ready", around).keep(
        test
    )
    return seen if seen is not None else live


def until_gone(api: Api, live: Manifest, wait: Wait) -> None:
    """Waits until an object is gone, or another one has its name.

    Raises:
        WaitError: it stayed; the text names the finalizers that hold it.
    """
    uid = identities.metadata(live).get("uid")

    def test(seen: Manifest | None) -> readiness.Verdict:
        if seen is None or identities.metadata(seen).get("uid") != uid:
            return readiness.READY
        return readiness.waiting(f"still there; {_held(seen)}")

    _Vigil(api, live, wait, f"{identities.label(live)}: expected it to be gone").keep(test)


def _held(leaving: Manifest) -> str:
    """What keeps an object that is being deleted: its finalizers, and what a namespace says of its content."""
    spec, status = leaving.get("spec"), leaving.get("status")
    own = spec.get("finalizers") if isinstance(spec, dict) else None
    names = [*(identities.metadata(leaving).get("finalizers") or []), *(own if isinstance(own, list) else [])]
    said = status.get("conditions") if isinstance(status, dict) and own else None
    reasons = [str(entry.get("message")) for entry in said or [] if entry.get("status") == "True"]
    return "; ".join([f"finalizers: {', '.join(names) or 'none'}", *reasons])


class _Vigil:
    """One wait: what was seen of an object, when, and what for."""

    def __init__(
        self,
        api: Api,
        live: Manifest,
        wait: Wait,
        expectation: str,
        around: awaiting.Surroundings | None = None,
    ) -> None:
        self._api, self._live, self._wait, self._expectation = wait.patient(api), live, wait, expectation
        self._around = around
        self._seen: Manifest | None = live
        self._begun = self._answered = self._settling = time.monotonic()
        self._verdict = readiness.waiting("")
        self._pause = _FIRST_PAUSE
        self._bell = threading.Event()

    def keep(self, test: Callable[[Manifest | None], readiness.Verdict]) -> Manifest | None:
        """Waits for a test to pass; returns the object as it is then."""
        ears: Ears | None = None
        with contextlib.ExitStack() as closing:
            self._judge(test)
            while not self._is_over():
                if ears is None and time.monotonic() - self._begun > _LISTEN_AFTER:
                    ears = closing.enter_context(self._api.watches.listening(self._topics(), self._bell))
                self._rest(ears)
                self._look(test)
        return self._seen

    def _topics(self) -> list[Topic]:
        """The object, and what its rule looks at beside it."""
        metadata = identities.metadata(self._live)
        asked = self._around.asked if self._around else set()
        own = (str(self._live["apiVersion"]), str(self._live["kind"]), str(metadata["name"]))
        return [
            Topic(version, kind, metadata.get("namespace"), name) for version, kind, name in {own, *asked}
        ]

    def _is_over(self) -> bool:
        """Whether the wait has come to its end.

        Raises:
            WaitError: to a bad one.
        """
        verdict, now = self._verdict, time.monotonic()
        if verdict.settle:
            if now - self._settling >= verdict.settle:
                return True
        elif verdict.ready:
            return True
        waited = now - self._begun
        stopped = self._wait.cancelled.is_set()
        if not (verdict.hopeless or stopped or waited > self._wait.limit):
            return False
        if verdict.ready:
            return True
        why = "; interrupted" if stopped else self._why()
        text = f"{self._expectation}, found after {waited:.0f} s: {verdict.missing}{why}"
        raise WaitError(text, self._seen)

    def _why(self) -> str:
        """What the pods of an object that is there say, if it is waited for to be ready."""
        return pods.unready(self._api.patiently(0), self._seen) if self._around and self._seen else ""

    def _rest(self, ears: Ears | None) -> None:
        """Waits for the next look: for its time, or for news where somebody brings them."""
        begun = time.monotonic()
        left = self._remaining(begun)
        self._wait.cancelled.wait(min(self._pause, left))
        until = begun + min(_UNHEARD, left)
        while ears is not None and ears.open and not self._wait.cancelled.is_set():
            left = until - time.monotonic()
            if left <= 0 or self._bell.wait(min(left, _ALERT)):
                break
        self._bell.clear()
        # Who heard nothing for long is quick at the next news; who is told much at once takes it in turns.
        quiet = ears is not None and ears.open and time.monotonic() - begun > 2 * _LAST_PAUSE
        self._pause = _FIRST_PAUSE if quiet else min(self._pause * _GROWTH, _LAST_PAUSE)

    def _remaining(self, now: float) -> float:
        limit = self._begun + self._wait.limit - now
        settle = self._settling + self._verdict.settle - now
        return max(0.0, min(limit, settle) if self._verdict.settle else limit)

    def _look(self, test: Callable[[Manifest | None], readiness.Verdict]) -> None:
        try:
            self._seen = self._api.get(self._live)
            self._judge(test)
        except (ApiError, UnreachableError) as error:
            silent = time.monotonic() - self._answered
            if silent > (_SILENCE if error.retry else _DOUBT) or silent > self._wait.limit:
                text = f"{self._expectation}, found no answer for {silent:.0f} s: {error}"
                raise WaitError(text, self._seen) from error

    def _judge(self, test: Callable[[Manifest | None], readiness.Verdict]) -> None:
        verdict = test(self._seen)
        self._answered = time.monotonic()
        if verdict.basis != self._verdict.basis:
            self._settling = self._answered
        if verdict.missing not in {"", self._verdict.missing} and self._seen is not self._live:
            self._wait.report(f"waiting: {verdict.missing}")
        self._verdict = verdict

"""What keeps the Work of a bundle for one member: writes it, waits for the member, sends again, takes away."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from atoll.core.effect import Context
from atoll.core.errors import AtollError, quoted
from atoll.federation import delivery, works
from atoll.federation.delivery import Wanted
from atoll.federation.joining import CLUSTERS
from atoll.federation.sight_effects import Sight
from atoll.host import hearing
from atoll.kubernetes import ApiError, identities
from atoll.kubernetes.client import LOOK_SECONDS, MERGE, Manifest

_FIRST_PAUSE, _LAST_PAUSE = 0.2, 0.5
_SILENT_PATIENCE = timedelta(seconds=15)
"""How long a member that does not answer is waited for."""
_RIGHTS_PATIENCE = timedelta(seconds=40)
"""For one that answers that nobody may ask: Karmada gives whoever asks through it his rights there after the member joined."""
_ASKED_AFTER = timedelta(seconds=0.5)
"""Karmada has this long for its first try before it is asked what is wrong."""
_RESENT_AFTER = timedelta(seconds=10)
"""After this long without what was written, Karmada is made to try again: it gives up a write that a frozen member took."""
_FORBIDDEN, _NOT_FOUND, _CONFLICT = 403, 404, 409
_PRECEDENCE = 0.5
"""Seconds for which a member that has what is new lets the others have it first."""


@dataclass
class Served:
    """What a member has of a bundle: the count of its objects as written, and why each other one is not.

    `silence` is why it cannot be asked, or empty; `leaving` are the objects that are to go and did not yet.
    """

    delivered: int = 0
    lacking: dict[str, str] = field(default_factory=dict)
    leaving: list[str] = field(default_factory=list)
    silence: str = ""


class Precedence:
    """Lets all members have what is new before any of them is asked for the rest: who is asked takes time from who is served."""

    def __init__(self, members: Iterable[str]) -> None:
        self._waiting, self._changed = set(members), threading.Condition()

    def yielded(self, member: str) -> None:
        """A member has what is new: waits for the others, but not for long."""
        with self._changed:
            self._waiting.discard(member)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, _PRECEDENCE)


class MemberWork:
    """The Work of a bundle for one member; `work` is what the plane has of it."""

    def __init__(self, sight: Sight, work: Manifest | None, precedence: Precedence) -> None:
        self._plane, self._bundle, self._member, self._work = sight.plane, sight.bundle, sight.member, work
        self._sight, self._precedence = sight, precedence
        self._joined, self._written, self._settled = work is not None, False, False
        self._sent = float("-inf")
        self._patience = _SILENT_PATIENCE
        self._left: list[Manifest] = []
        self._refused: dict[Wanted, str] = {}

    def serve(self, context: Context, seconds: float) -> Served:
        """Writes the Work where it is not as wanted, and waits until the member has it, refuses it, or time is over."""
        begin, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            found = self._round()
            waited = time.monotonic() - begin
            limit = min(seconds, self._patience.total_seconds()) if found.silence else seconds
            if self._settled or waited > limit or context.cancelled.wait(pause):
                return found if self._settled or found.silence else self._round(whole=True)
            pause = min(pause * 1.5, _LAST_PAUSE)

    def _round(self, *, whole: bool = False) -> Served:
        try:
            if problem := self._unjoined() or self._write():
                silence = problem if hearing.is_silent(self._member) else ""
                return Served(lacking={"": problem}, silence=silence)
            lags = self._lags(whole=whole)
            if lags and self._is_refused():
                lags = self._sight.lags()
                self._ask(lags)
            pending = [each for each in lags if each not in self._refused]
            if pending and time.monotonic() - self._sent > _RESENT_AFTER.total_seconds():
                self._resend()
            if not pending:
                self._take_away()
        except AtollError as error:
            problem = f"cannot be asked: {quoted(error)}"
            is_refused = isinstance(error, ApiError) and error.code == _FORBIDDEN
            self._patience = _RIGHTS_PATIENCE if is_refused else _SILENT_PATIENCE
            return Served(self._sight.delivered, silence=problem, leaving=self._leaving)
        self._settled = not pending and not self._left
        lacking = {
            each.label: self._refused.get(each, reason) for each, reason in sorted(lags.items(), key=str)
        }
        if pending and (words := works.refusal(self._work)):
            lacking |= {each.label: f"{lacking[each.label]} ({quoted(words)})" for each in pending}
        return Served(self._sight.delivered, lacking, self._leaving)

    def _lags(self, *, whole: bool) -> dict[Wanted, str]:
        if not whole:
            if lags := self._sight.lags(whole=False, fresh=True):
                return lags
            self._precedence.yielded(self._member)
        return self._sight.lags(whole=whole)

    @property
    def _leaving(self) -> list[str]:
        return [identities.label(each) for each in self._left]

    def _unjoined(self) -> str | None:
        """Why there is no place for a Work yet. It is not asked whether the member is Ready: Karmada waits for that."""
        if self._joined:
            return None
        problem = delivery.unjoined(self._plane.find(f"{CLUSTERS}/{self._member}"))
        self._joined = problem is None
        return problem

    def _write(self) -> str | None:
        if self._written:
            return None
        if self._work and self._work["metadata"].get("deletionTimestamp"):
            self._work = self._read()
            if self._work:
                return "its former Work is still being taken away"
        self._left = works.leaving(self._work, self._bundle.copies(self._member))
        wanted = self._wanted(self._left)
        if not works.is_written(self._work, wanted):
            self._sight.expect(self._work)
            # Whoever wrote it before, in whatever way: the mark of admission's own changes is another manager.
            try:
                self._plane.in_brief().apply(wanted, force=True)
                self._work = wanted
            except ApiError as error:
                return f"its Work cannot be written ({quoted(error)})"
            self._sent = time.monotonic()
        # A kind that the plane does not serve yet may come while this waits.
        self._written = len(works.manifests(wanted)) == len(self._bundle.inputs["manifests"])
        return None

    def _wanted(self, left: list[Manifest]) -> Manifest:
        """The Work as it is to be; of a kind that the plane does not know Karmada could not even delete it."""
        copies = [each for each in self._bundle.copies(self._member) if self._sight.is_known(each)]
        return self._bundle.work(self._member, copies, left)

    def _is_refused(self) -> bool:
        """Whether Karmada says that it could not apply all; not asked before it had time for a first try."""
        if time.monotonic() - self._sent > _ASKED_AFTER.total_seconds():
            self._work = self._read() or self._work
        return works.refusal(self._work) is not None

    def _ask(self, lags: dict[Wanted, str]) -> None:
        """Asks the member why something lags: Karmada's words are of its last try, which may be of what was before."""
        asked = {each: self._sight.refusal(each) for each in lags if each not in self._refused}
        self._refused |= {each: reason for each, reason in asked.items() if reason}

    def _resend(self) -> None:
        """Makes the Work another generation with the same content, so that Karmada compares each object anew.

        What it was not told that it changed (see `works`), it does not look at by itself.
        """
        stated = ((self._work or {}).get("spec") or {}).get("suspendDispatching")
        change = {"spec": {"suspendDispatching": None if stated is False else False}}
        path = self._plane.path(self._bundle.reference(self._member))
        self._work = self._plane.request("PATCH", path, change, content_type=MERGE)
        self._sent = time.monotonic()

    def _take_away(self) -> None:
        """Takes what left the bundle from the member, and the note of it from the Work once it is gone."""
        if not self._left:
            return
        remaining = [each for each in self._left if not self._is_gone(each)]
        if not remaining:
            self._work = self._wanted([])
            self._plane.in_brief().apply(self._work, force=True)
        self._left = remaining

    def _is_gone(self, reference: Manifest) -> bool:
        try:
            path = self._sight.path(reference)
        except ApiError:
            # A kind that the plane no longer serves went with its definition.
            return True
        live = self._plane.find(path, timeout=LOOK_SECONDS)
        # What another bundle carries by now is not ours to take away.
        if live is None or not works.is_carried_by(live, self._bundle.name):
            return True
        metadata = live["metadata"]
        if metadata.get("deletionTimestamp"):
            return True
        exactly = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        body = {"propagationPolicy": "Background", "preconditions": exactly}
        try:
            self._plane.request("DELETE", path, body)
        except ApiError as error:
            if error.code not in {_NOT_FOUND, _CONFLICT}:
                raise
        return False

    def _read(self) -> Manifest | None:
        return self._plane.get(self._bundle.reference(self._member))


def withdraw(sight: Sight, work: Manifest, context: Context, seconds: float) -> str | None:
    """Takes a bundle from a member by deleting its Work; returns why it is not gone yet, or None.

    A member that does not answer is cleared by Karmada when it returns.
    """
    plane, path = sight.plane, sight.plane.path(work)
    try:
        _release_others(sight, work)
    except AtollError as error:
        seconds, silence = 0, f"cannot be asked: {quoted(error)}"
    else:
        silence = "its Work is still there"
    if not work["metadata"].get("deletionTimestamp"):
        plane.delete(work)
    end, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while plane.find(path):
        if time.monotonic() > end or context.cancelled.wait(pause):
            return f"{silence} (Karmada takes its objects away when the member answers)"
        pause = min(pause * 1.5, _LAST_PAUSE)
    return None


def _release_others(sight: Sight, work: Manifest) -> None:
    """Leaves out of a Work what another one carries by now: Karmada takes away all that is listed, whoever's it is.

    So too what the plane no longer knows, which it could not take away.
    """
    bundle, listed = sight.bundle, works.manifests(work)
    found = [(each, sight.get(identities.reference(each))) for each in listed if sight.is_known(each)]
    ours = [each for each, live in found if live is None or works.is_carried_by(live, bundle.name)]
    if len(ours) < len(listed) and not work["metadata"].get("deletionTimestamp"):
        sight.plane.apply(bundle.work(sight.member, ours), force=True)

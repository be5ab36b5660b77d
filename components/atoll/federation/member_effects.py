"""The gate of a member: asks the plane whether it sees the member Ready, and the member whether it is there."""

import time
from datetime import timedelta

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import AtollError
from atoll.federation import delivery
from atoll.federation.joining import CLUSTERS
from atoll.host import hearing
from atoll.kubernetes import Api, Kubeconfig
from atoll.kubernetes.client import LOOK_SECONDS

_LIMIT = timedelta(seconds=45)
"""Karmada's own defaults: a status every 10 s, and Ready once it was well for 30 s."""
_SILENT_PATIENCE = timedelta(seconds=10)
"""For a member that does not answer: the supervisor restarts a local one that was killed in less."""
_RETURN = timedelta(seconds=10)
"""For one that a look finds not Ready though it answers: an API server that was just started anew is Ready again in 6 s."""
_PAUSE = 0.3
WELL = "ok"
"""What an API server answers at its probes."""


class MemberStatus(Effect):
    """Done when Karmada sees the member Ready; a member that is dead is not waited for."""

    replace_on = frozenset[str]()
    secret_outputs = frozenset[str]()
    outputs = frozenset({"ready"})

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """The component makes the inputs."""
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Asked again for a member that was not Ready; another way to ask gives the same answer."""
        return frozenset() if changed else self.outputs

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """It was not Ready when it was asked last."""
        return None if outputs.get("ready") else "it was not Ready"

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Polls until the member is Ready, does not answer, or the time is over."""
        api, member = _api(inputs), inputs["name"]
        begin = time.monotonic()
        while problem := _unready(api, member):
            silence = silence_of(api, member)
            waited = time.monotonic() - begin
            limit = _SILENT_PATIENCE if silence else _LIMIT
            if waited > limit.total_seconds() or context.cancelled.is_set():
                line = f"cluster {member}: {silence or problem} after {waited:.0f} s"
                return Outcome(member, {"ready": False}, (line,))
            context.report(f"waiting for {member}: {problem} ({waited:.0f} s)")
            context.cancelled.wait(_PAUSE)
        return Outcome(member, {"ready": True})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Looks, and again for a moment at one that answers, which is about to be Ready."""
        return Seen(inputs, {"ready": _returns(_api(inputs), id, context)}) if inputs else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Waits again."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """A gate leaves nothing behind."""


def _api(inputs: Values) -> Api:
    return Api(Kubeconfig.read(inputs["access"]), read=LOOK_SECONDS)


def _unready(api: Api, member: str) -> str | None:
    return delivery.unready(api.find(f"{CLUSTERS}/{member}"))


def _returns(api: Api, member: str, context: Context) -> bool:
    begin = time.monotonic()
    while _unready(api, member):
        waited = time.monotonic() - begin
        is_over = waited > _RETURN.total_seconds() or context.cancelled.is_set()
        # The run's own question to it comes first: nobody waits for the look at one that is dead.
        if is_over or hearing.is_silent(member) or silence_of(api, member):
            return False
        context.cancelled.wait(_PAUSE)
    return True


def silence_of(plane: Api, member: str) -> str | None:
    """Why the member itself cannot be asked, through the plane, or None."""
    try:
        answer = plane.request("GET", f"{CLUSTERS}/{member}/proxy/readyz", timeout=LOOK_SECONDS)
    except AtollError as error:
        return f"cannot be asked: {error}"
    return None if answer.get("text") == WELL else "something else answers at its address"

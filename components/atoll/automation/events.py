"""What the engine tells while it works, made into results by cluster. Pure.

Source: pulumi/pulumi, sdk/go/common/apitype/events.go.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from atoll.core import naming
from atoll.core.errors import Ending, Exit, ending_of

_PLACES = {"atoll:index:Cluster", "atoll:index:Member", "atoll:index:ControlPlane"}
"""The components that stand for one cluster; what is under them concerns it."""
GATES = frozenset({"atoll:index:PropagationStatus", "atoll:index:BundleDelivery"})
"""What these find is counted where they find it: at each member."""
_INFO = "info"
_OURS = f"{naming.PACKAGE}:index:"
"""How the type begins of what Atoll's own provider serves; what others say by the way is for their debugging."""
_DONE = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "replaced",
    "delete-replaced": "deleted",
    "import": "imported",
    "read": "read",
    "refresh": "refreshed",
}
DRIFT = {"update": "drifted", "delete": "gone"}
"""What a look at what is live comes to, where nothing is written."""
_DOING = {
    "create": "creating",
    "update": "updating",
    "delete": "deleting",
    "create-replacement": "replacing",
    "delete-replaced": "deleting",
    "import": "importing",
    "refresh": "looking",
}
_EMPTY = re.compile(
    r"(error: )?update failed|\d+ errors? occurred:$|Refreshed resource is in an unhealthy state:$|"
    # What follows from a cluster that failed and was told: its provider is not there for the objects in it.
    r"unknown provider '[^']*::04da6b54-80e4-46f7-96ec-b56ff0331ba9' for resource|Resource monitor has terminated"
)


class Severity(StrEnum):
    """How much a message matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"
    """Why something is done that nobody declared."""
    PROGRESS = "progress"
    """What somebody waits for right now; the next one takes its place."""


class Outcome(StrEnum):
    """What became of one resource, in Ansible's words."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """One resource when the engine is done with it."""

    urn: str
    outcome: Outcome
    verb: str
    place: str | None
    seconds: float = 0
    properties: tuple[str, ...] = ()
    """The input properties that changed."""
    code: Exit | None = None
    """Of what failed, the exit code that its provider told."""
    found: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Of a gate that was looked at before anything is written, its outputs: what each member had."""

    @property
    def type(self) -> str:
        """The resource's type, without its ancestors."""
        return _kind(self.urn)

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.urn.split("::", 3)[3]


@dataclass(frozen=True)
class Message:
    """Something that the engine, a provider or the program said. Of progress, `urn` is what is worked on."""

    severity: Severity
    text: str
    place: str | None = None
    urn: str = ""
    wraps: tuple[str, ...] = ()
    """Of an error, what it came of, the nearest first."""
    retryable: bool | None = None
    """Of an error, whether trying again can help; None where nobody told."""

    @property
    def lines(self) -> list[str]:
        """The lines that tell something: the engine counts its errors, and says each as an item."""
        found = (line.strip().removeprefix("* ") for line in self.text.splitlines())
        return [line for line in found if line and not _EMPTY.match(line)]


@dataclass
class Reader:
    """Turns engine events into results, remembering who is whose child and when what began.

    `verbs` are the words for what the engine did. With `previews_first` it says all twice, and what it previews is no result.
    """

    verbs: Mapping[str, str] = field(default_factory=lambda: _DONE)
    parents: dict[str, str] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    endings: dict[str, Ending] = field(default_factory=dict)
    previews_first: bool = False
    previewing: bool = False

    def read(
        self, event: Mapping[str, Any], now: float, *, preview: bool = False
    ) -> Iterator[Result | Message]:
        """What one event says. `now` is a clock in seconds."""
        if self.previews_first and self._is_previewed(event):
            return
        if started := event.get("resourcePreEvent"):
            yield from self._started(started["metadata"], now, preview=preview)
        elif done := event.get("resOutputsEvent"):
            if not preview:
                yield from self._done(done["metadata"], now, failed=False)
        elif failed := event.get("resOpFailedEvent"):
            yield from self._done(failed["metadata"], now, failed=True)
        elif said := event.get("diagnosticEvent"):
            urn = said.get("urn", "")
            if told := ending_of(said["message"].strip()):
                self.endings[urn] = told
            for message in _said(said, self.place(urn), urn if urn in self.running else ""):
                yield self._explained(message, urn)

    def _is_previewed(self, event: Mapping[str, Any]) -> bool:
        """Whether an event about a resource is of the preview; what failed does not say so itself."""
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            if told := event.get(kind):
                self.previewing = bool(told.get("planning"))
                return self.previewing
        return self.previewing and "resOpFailedEvent" in event

    def place(self, urn: str) -> str | None:
        """The cluster that a resource concerns, or None."""
        while urn:
            if _kind(urn) in _PLACES:
                return urn.split("::", 3)[3]
            urn = self.parents.get(urn, "")
        return None

    def _started(
        self, metadata: Mapping[str, Any], now: float, *, preview: bool
    ) -> Iterator[Result | Message]:
        urn = metadata["urn"]
        self.parents[urn] = ((metadata.get("new") or metadata.get("old") or {}).get("parent")) or ""
        if preview:
            yield from self._result(metadata, 0, failed=False)
        elif metadata["op"] != "same":
            self.began[urn] = self.running[urn] = now
            if (doing := _DOING.get(metadata["op"])) and not _is_the_engines(urn):
                text = f"{_kind(urn).split(':')[-1]} {urn.split('::', 3)[3]}: {doing}"
                yield Message(Severity.PROGRESS, text, self.place(urn), urn)

    def _done(self, metadata: Mapping[str, Any], now: float, *, failed: bool) -> Iterator[Result]:
        urn = metadata["urn"]
        self.parents.setdefault(urn, ((metadata.get("new") or metadata.get("old") or {}).get("parent")) or "")
        self.running.pop(urn, None)
        yield from self._result(metadata, now - self.began.pop(urn, now), failed=failed)

    def _explained(self, message: Message, urn: str) -> Message:
        """An error with what its provider told of it."""
        told = self.endings.get(urn) if message.severity is Severity.ERROR else None
        return replace(message, wraps=told.wraps, retryable=told.retryable) if told else message

    def _result(self, metadata: Mapping[str, Any], seconds: float, *, failed: bool) -> Iterator[Result]:
        operation, urn = metadata["op"], metadata["urn"]
        if _is_the_engines(urn):
            return
        changed = tuple(sorted(metadata.get("detailedDiff") or metadata.get("diffs") or ()))
        if failed:
            told = self.endings.get(urn)
            code = told.code if told else None
            yield Result(urn, Outcome.FAILED, "failed", self.place(urn), seconds, changed, code)
        elif operation in {"same", "read", "refresh"}:
            looked = operation == "refresh" and _kind(urn) in GATES
            found = (metadata.get("new") or {}).get("outputs") or {} if looked else {}
            verb = self.verbs.get(operation, "unchanged")
            yield Result(urn, Outcome.OK, verb, self.place(urn), seconds, found=found)
        elif operation in self.verbs:
            yield Result(urn, Outcome.CHANGED, self.verbs[operation], self.place(urn), seconds, changed)


def changes(results: Iterable[Result]) -> list[Result]:
    """Those of the results that are a change, each resource once (a replacement has several steps)."""
    found: dict[str, Result] = {}
    for result in results:
        if result.outcome is not Outcome.OK and (result.urn not in found or result.verb == "replaced"):
            found[result.urn] = result
    return list(found.values())


def _is_the_engines(urn: str) -> bool:
    """Whether nobody declared a resource: the stack, and a provider that the engine makes for itself."""
    kind, name = urn.split("::")[2], urn.split("::", 3)[3]
    return kind.endswith("pulumi:pulumi:Stack") or (
        kind.startswith("pulumi:providers:") and name == "default"
    )


def _kind(urn: str) -> str:
    """The type in a URN, without its ancestors; nothing where there is no URN."""
    return urn.split("::")[2].rsplit("$", 1)[-1] if urn else ""


def _said(diagnostic: Mapping[str, Any], place: str | None, running: str) -> Iterator[Message]:
    text, severity = diagnostic["message"].strip(), diagnostic["severity"]
    if text and diagnostic.get("ephemeral"):
        yield Message(Severity.PROGRESS, text, place, running)
    elif text and severity in (Severity.ERROR, Severity.WARNING):
        yield Message(Severity(severity), text, place)
    elif text and severity == _INFO and _kind(diagnostic.get("urn", "")).startswith(_OURS):
        yield Message(Severity.NOTE, text, place)

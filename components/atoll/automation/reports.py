"""How a run ended, and what was told meanwhile, as programs read it: values, and the JSON schema of them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from atoll.automation import events, recap
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.recap import Recap
from atoll.automation.selection import LeftOut
from atoll.core.errors import AtollError, Exit

MEANING = {
    Exit.DONE: "done",
    Exit.FAILED: "failed",
    Exit.SETTINGS: "bad settings or arguments",
    Exit.REFUSED: "refused",
    Exit.UNAVAILABLE: "unavailable",
    Exit.CHANGES: "changes pending",
    Exit.DRIFT: "drift",
    Exit.LOCKED: "locked",
    Exit.STALE_PLAN: "stale plan",
    Exit.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Report:
    """How a run ended: its exit code, the recap, what changed, what was said about problems, what it did not look at.

    `results` are all that were told, those without a change too.
    """

    code: Exit
    recap: Recap
    changes: list[Result] = field(default_factory=list)
    problems: list[Message] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    command: str = ""
    environment: str = ""
    trace: str = ""
    left_out: LeftOut | None = None

    @property
    def is_preview(self) -> bool:
        """Whether its changes are such that would be made."""
        return self.command == "plan" or "--check" in self.command

    @property
    def remaining(self) -> list[str]:
        """The names of the recap but those of clusters that left."""
        return recap.remaining(self.recap, self.results)

    def values(self) -> dict[str, Any]:
        """The report for programs."""
        return self.told().model_dump(mode="json", by_alias=True)

    def told(self) -> "ReportRecord":
        """The report as a record of its schema."""
        return ReportRecord(
            command=self.command,
            environment=self.environment,
            exit=int(self.code),
            trace=self.trace or None,
            clusters={name: ClusterRecord(**each) for name, each in recap.values(self.recap).items()},
            changes=[ChangeRecord(**change(each)) for each in self.changes],
            problems=[ProblemRecord(**_problem(each)) for each in self.problems],
            left_out=LeftOutRecord(**self.left_out.values()) if self.left_out else None,
        )


def ended(error: AtollError | None, results: Iterable[Result], problems: Iterable[Message]) -> Report:
    """The report of a run that came to no recap: what it had told, and then why it ended. No `error`: an interrupt."""
    told = list(results)
    code, why = Exit.INTERRUPTED, [Message(Severity.ERROR, "interrupted")]
    if error:
        code = error.exit_code
        why = [
            Message(Severity.ERROR, line, wraps=error.wraps, retryable=error.retry)
            for line in str(error).splitlines()
        ]
    return Report(code, {}, events.changes(told), [*problems, *why], told)


class Record(BaseModel):
    """Something that is printed for programs."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClusterRecord(Record):
    """What happened at one cluster: how many resources and delivered objects are as declared, changed, failed."""

    ok: int
    changed: int
    failed: int
    unreachable: str | None = Field(description="Why it does not answer.")


class ChangeRecord(Record):
    """One resource that changed, would change, drifted or failed."""

    urn: str
    outcome: Outcome
    verb: str = Field(
        description="What was done: created, updated, replaced, deleted, drifted, gone, failed."
    )
    cluster: str | None = Field(description="Null where it concerns no single cluster.")
    properties: tuple[str, ...] = Field(description="The input properties that changed.")
    seconds: float


class ProblemRecord(Record):
    """An error or a warning."""

    severity: Literal[Severity.ERROR, Severity.WARNING]
    text: str
    cluster: str | None
    wraps: tuple[str, ...] = Field(description="What an error came of, the nearest first.")
    retryable: bool | None = Field(
        description="Whether trying again can help; null where nobody told, as of a warning."
    )


class LeftOutRecord(Record):
    """What a run with `--limit`, `--tags` or `--skip-tags` did not look at."""

    asked: str = Field(description="The options, as they were written.")
    resources: int = Field(description="How many resources were left out.")
    clusters: tuple[str, ...]
    parts: tuple[str, ...] = Field(description="Class and name of each part of the inventory.")


class ReportRecord(Record):
    """How a run ended."""

    type: Literal["report"] = "report"
    command: str
    environment: str
    exit: int = Field(description="The exit code of the command.")
    trace: str | None = Field(
        description="The id of its trace, 32 hexadecimal digits, as its log lines have it."
    )
    clusters: dict[str, ClusterRecord]
    changes: list[ChangeRecord]
    problems: list[ProblemRecord]
    left_out: LeftOutRecord | None = Field(
        serialization_alias="leftOut", description="Null where the run was about everything."
    )


class ResultRecord(ChangeRecord):
    """One resource when the engine is done with it, changed or not."""

    type: Literal["result"] = "result"
    time: datetime


class MessageRecord(Record):
    """Something that was said; `info` is what people read between the results."""

    type: Literal["message"] = "message"
    time: datetime
    severity: Severity | Literal["info"]
    text: str
    cluster: str | None


Line = Annotated[ResultRecord | MessageRecord | ReportRecord, Field(discriminator="type")]
"""One line of the format ndjson; the report is the last."""


def line(entry: Result | Message | str, time: datetime) -> ResultRecord | MessageRecord:
    """What is told while a run goes on, as a line of the stream."""
    if isinstance(entry, Result):
        return ResultRecord(time=time, **change(entry))
    if isinstance(entry, Message):
        return MessageRecord(time=time, **_message(entry))
    return MessageRecord(time=time, severity="info", text=entry, cluster=None)


def schema(*, stream: bool) -> dict[str, Any]:
    """The JSON schema of the report, or of a line of the stream."""
    kind: TypeAdapter[Any] = TypeAdapter(Line if stream else ReportRecord)
    title = "A line of Atoll's ndjson" if stream else "Atoll report"
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **kind.json_schema(mode="serialization"),
        "title": title,
    }


def change(result: Result) -> dict[str, Any]:
    """A change, as reports have it."""
    return {
        "urn": result.urn,
        "outcome": result.outcome,
        "verb": result.verb,
        "cluster": result.place,
        "properties": result.properties,
        "seconds": round(result.seconds, 3),
    }


def _problem(message: Message) -> dict[str, Any]:
    return {**_message(message), "wraps": message.wraps, "retryable": message.retryable}


def _message(message: Message) -> dict[str, Any]:
    return {"severity": message.severity, "text": message.text, "cluster": message.place}

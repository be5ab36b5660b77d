"""How the same runs are told in each format."""

import re
from pathlib import Path

import pytest
import typer

from atoll.automation import events
from atoll.automation.answers import Format, answer
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.recap import Tally
from atoll.automation.reports import Report
from atoll.automation.selection import LeftOut
from atoll.core.errors import AtollError, Exit, LockedError, SettingsError
from harness import golden, reports

_FOLDER = Path(__file__).parent / "reports"
_SUFFIX = {"human": "txt", "json": "json", "ndjson": "ndjson", "markdown": "md", "junit": "xml"}
_PREFIX = "urn:pulumi:prod::atoll::"


def _result(urn, outcome, verb, place=None, **more):
    return Result(f"{_PREFIX}{urn}", outcome, verb, place, **more)


_SAME = _result("atoll:index:Cluster::lagoon", Outcome.OK, "unchanged", "lagoon")
_ACCESS = _result(
    "atoll:index:Member$atoll:index:MemberAccess::lagoon-access", Outcome.CHANGED, "updated", "lagoon"
)
_WEB = _result(
    "atoll:index:Propagation$kubernetes:apps/v1:Deployment::control-plane-deployment.apps.shop.web",
    Outcome.CHANGED,
    "updated",
    seconds=2.5,
    properties=('metadata.annotations["atoll.dev/revision"]', "spec.replicas"),
)
_BROKEN = _result("kubernetes:core/v1:Secret::reef-token", Outcome.FAILED, "failed", "reef", seconds=1.25)
_GONE = _result(
    "kubernetes:core/v1:ConfigMap::control-plane-configmap.shop.settings", Outcome.CHANGED, "gone"
)
_WELL = {"control-plane": Tally(12, 1, 0), "lagoon": Tally(7, 1, 0)}


def _run(found, code, *entries, left=None):
    def run(screen):
        for entry in entries:
            screen.say(entry) if isinstance(entry, str) else screen.listen(entry)
        screen.end(found)
        return Report(code, found, events.changes(screen.results), screen.problems, left_out=left)

    return run


def _raising(error, *entries):
    def run(screen):
        for entry in entries:
            screen.listen(entry)
        raise error

    return run


_CASES = {
    "changes-pending": (
        "up --check",
        _run(_WELL, Exit.CHANGES, "plugin atoll 0.1.0: own", _SAME, _ACCESS, _WEB),
    ),
    "half-failed": (
        "up",
        _run(
            {
                "control-plane": Tally(12, 1, 0),
                "lagoon": Tally(7, 0, 2),
                "reef": Tally(3, 0, 1),
                "motu": Tally(0, 0, 0, "no answer | in 3 s"),
            },
            Exit.FAILED,
            Message(Severity.PROGRESS, "Secret reef-token: creating", "reef", _BROKEN.urn),
            _SAME,
            _WEB,
            Message(
                Severity.ERROR,
                '1 error occurred:\n\t* namespaces "karmada-cluster" is <forbidden>\nand `so` *on*',
                "reef",
            ),
            _BROKEN,
            Message(Severity.WARNING, "deprecated since 1.30"),
            Message(Severity.NOTE, "near its end", "lagoon"),
        ),
    ),
    "drift": ("drift", _run(_WELL, Exit.DRIFT, _SAME, _GONE)),
    "limited": (
        "up",
        _run(
            {"control-plane": Tally(), "lagoon": Tally(7, 1, 0)},
            Exit.DONE,
            _ACCESS,
            left=LeftOut("--limit lagoon", 12, 8, ("control-plane", "reef"), ("Key shop", "Propagation web")),
        ),
    ),
    "nothing": ("up", _run(_WELL, Exit.DONE, _SAME)),
    "objects-missing": ("recap", _run({"control-plane": Tally(1), "lagoon": Tally(4, 0, 2)}, Exit.FAILED)),
    "bad-settings": (
        "up",
        _raising(SettingsError("stacks/prod.yaml:3: a: found 1; expected 2", "stacks/prod.yaml:9: b")),
    ),
    "locked": ("refresh", _raising(LockedError("environment prod: found up at work; expected nobody"))),
    "interrupted": ("up", _raising(KeyboardInterrupt(), _WEB)),
}


@pytest.mark.parametrize("form", list(Format), ids=str)
@pytest.mark.parametrize("name", sorted(_CASES))
def test_a_run_is_told_in_each_format(name, form, capsys):
    command, run = _CASES[name]

    with pytest.raises((typer.Exit, AtollError, KeyboardInterrupt)):
        answer(command, "prod", form, run, diff=True)

    said = capsys.readouterr()
    if said.out or form is not Format.HUMAN:
        reports.check(form, said.out)
    told = re.sub(r'"time":"[^"]+"', '"time":"2026-01-01T00:00:00Z"', said.out)
    golden.compare(_FOLDER / f"{name}.{_SUFFIX[form]}", told)

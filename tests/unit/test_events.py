from typing import Any

import pytest

from atoll.automation import events
from atoll.automation.events import Message, Outcome, Reader, Result, Severity
from atoll.core.errors import RefusedError, UnavailableError, ending, ending_of

PREFIX = "urn:pulumi:dev::atoll::"
STACK = f"{PREFIX}pulumi:pulumi:Stack::atoll-dev"
CLUSTER = f"{PREFIX}atoll:index:Cluster::lagoon"
LOCAL = f"{PREFIX}atoll:index:Cluster$atoll:index:LocalCluster::lagoon-local"
OBJECT = f"{PREFIX}atoll:index:Propagation$kubernetes:apps/v1:Deployment::plane-deployment.g.web"
GATE = f"{PREFIX}atoll:index:Propagation$atoll:index:PropagationStatus::g-status"


def _metadata(urn, operation, parent=STACK, **more):
    return {"urn": urn, "op": operation, "new": {"parent": parent}, **more}


def _started(*arguments, **more):
    return {"resourcePreEvent": {"metadata": _metadata(*arguments, **more)}}


def _done(*arguments, **more):
    return {"resOutputsEvent": {"metadata": _metadata(*arguments, **more)}}


def _failed(*arguments, **more):
    return {"resOpFailedEvent": {"metadata": _metadata(*arguments, **more)}}


def _read(*given, preview=False, reader=None):
    reader = reader or Reader()
    return [said for now, event in enumerate(given) for said in reader.read(event, now, preview=preview)]


@pytest.mark.parametrize(
    ("operation", "outcome", "verb"),
    [
        ("same", Outcome.OK, "unchanged"),
        ("read", Outcome.OK, "read"),
        ("refresh", Outcome.OK, "refreshed"),
        ("create", Outcome.CHANGED, "created"),
        ("update", Outcome.CHANGED, "updated"),
        ("delete", Outcome.CHANGED, "deleted"),
        ("replace", Outcome.CHANGED, "replaced"),
        ("create-replacement", Outcome.CHANGED, "replaced"),
        ("delete-replaced", Outcome.CHANGED, "deleted"),
        ("import", Outcome.CHANGED, "imported"),
    ],
)
def test_an_operation_that_is_done_is_told_in_ansibles_words(operation, outcome, verb):
    assert _read(_done(OBJECT, operation)) == [Result(OBJECT, outcome, verb, None)]


def test_drift_has_words_of_its_own_and_what_is_as_it_was_is_none():
    reader = Reader(verbs=events.DRIFT)
    found = _read(
        *(_done(LOCAL, operation) for operation in ("update", "delete", "same", "refresh")), reader=reader
    )

    assert [(each.outcome, each.verb) for each in found] == [
        (Outcome.CHANGED, "drifted"),
        (Outcome.CHANGED, "gone"),
        (Outcome.OK, "unchanged"),
        (Outcome.OK, "unchanged"),
    ]


@pytest.mark.parametrize(
    "error", [UnavailableError("gone"), RefusedError("not ours")], ids=["gone", "refused"]
)
def test_what_failed_knows_what_its_provider_told_of_the_error(error):
    error.__cause__ = ValueError("found 3")
    told = {"severity": "debug", "urn": LOCAL, "message": f"{ending(error)}\n"}
    said = {"severity": "error", "urn": LOCAL, "message": str(error)}

    assert _read(
        {"diagnosticEvent": told},
        {"diagnosticEvent": said},
        _failed(LOCAL, "create"),
        _failed(OBJECT, "create"),
    ) == [
        Message(Severity.ERROR, str(error), wraps=("ValueError: found 3",), retryable=error.retry),
        Result(LOCAL, Outcome.FAILED, "failed", None, code=error.exit_code),
        Result(OBJECT, Outcome.FAILED, "failed", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "atoll: error ",
        "atoll: error 4",
        'atoll: error {"exit": 99, "retryable": true, "wraps": []}',
        'atoll: error {"exit": 4}',
        '{"exit": 4, "retryable": true, "wraps": []}',
    ],
)
def test_no_other_line_is_taken_for_one_of_an_error(text):
    assert ending_of(text) is None


def test_a_result_tells_how_long_it_took_and_what_changed():
    changed: dict[str, Any] = {"detailedDiff": {"spec.replicas": {}, "metadata.labels": {}}}
    found = _read({}, _started(OBJECT, "update", **changed), {}, _done(OBJECT, "update", **changed))
    assert found[:-1] == [
        Message(Severity.PROGRESS, "Deployment plane-deployment.g.web: updating", None, OBJECT)
    ]
    assert found[-1:] == [
        Result(OBJECT, Outcome.CHANGED, "updated", None, 2, ("metadata.labels", "spec.replicas")),
    ]
    assert (found[-1].type, found[-1].name) == ("kubernetes:apps/v1:Deployment", "plane-deployment.g.web")


def test_without_a_detailed_diff_the_changed_inputs_are_told():
    (found,) = _read(_done(OBJECT, "update", diffs=["spec"]))
    assert found.properties == ("spec",)


def test_a_failed_operation_is_told_once_as_failed():
    found = _read(_started(OBJECT, "create"), _failed(OBJECT, "create"))
    assert found[1:] == [Result(OBJECT, Outcome.FAILED, "failed", None, 1)]


def test_what_runs_is_known_until_it_is_done():
    reader = Reader()
    _read(_started(OBJECT, "create"), _started(GATE, "same"), reader=reader)
    assert list(reader.running) == [OBJECT]
    _read(_failed(OBJECT, "create"), reader=reader)
    assert reader.running == {}


def test_a_preview_tells_what_would_be_done_and_only_that():
    found = _read(
        _started(OBJECT, "create"),
        _done(OBJECT, "create"),
        _started(GATE, "same"),
        _started(STACK, "create"),
        preview=True,
    )
    assert [(each.urn, each.outcome) for each in found] == [(OBJECT, Outcome.CHANGED), (GATE, Outcome.OK)]


def test_a_resource_concerns_the_cluster_that_it_lies_under():
    found = _read(
        _started(CLUSTER, "create"),
        _started(LOCAL, "create", CLUSTER),
        _done(LOCAL, "create", CLUSTER),
        _done(OBJECT, "create"),
    )
    assert [each.place for each in found if isinstance(each, Result)] == ["lagoon", None]


def test_what_begins_is_told_as_progress_with_its_cluster_and_what_is_as_it_was_is_not():
    waiting = {"severity": "info", "message": "waiting", "ephemeral": True, "urn": LOCAL}
    found = _read(_started(CLUSTER, "same"), _started(LOCAL, "create", CLUSTER), {"diagnosticEvent": waiting})

    assert found == [
        Message(Severity.PROGRESS, "LocalCluster lagoon-local: creating", "lagoon", LOCAL),
        Message(Severity.PROGRESS, "waiting", "lagoon", LOCAL),
    ]


def test_the_lines_of_a_message_are_those_that_tell_something():
    text = "1 error occurred:\n  * spec.replicas: found -1\n\nerror: update failed\nand so on"

    assert Message(Severity.ERROR, text).lines == ["spec.replicas: found -1", "and so on"]


def test_a_deleted_resource_is_found_by_its_old_parent():
    metadata = {"urn": LOCAL, "op": "delete", "old": {"parent": CLUSTER}, "new": None}
    (found,) = _read({"resOutputsEvent": {"metadata": metadata}})
    assert (found.place, found.verb) == ("lagoon", "deleted")


def test_a_resource_without_a_parent_concerns_no_single_cluster():
    reader = Reader()
    assert _read(_done(OBJECT, "create", ""), reader=reader)[0].place is None
    assert reader.place("") is None


@pytest.mark.parametrize("urn", [STACK, f"{PREFIX}pulumi:providers:kubernetes::default"])
def test_what_nobody_declared_is_not_told(urn):
    assert _read(_started(urn, "create"), _done(urn, "create"), _failed(urn, "create")) == []


def test_a_declared_provider_is_told():
    urn = f"{PREFIX}atoll:index:ControlPlane$pulumi:providers:kubernetes::plane-kubernetes"
    assert len(_read(_done(urn, "create"))) == 1


@pytest.mark.parametrize(
    ("diagnostic", "said"),
    [
        (
            {"severity": "error", "message": " broken\n", "urn": OBJECT},
            [Message(Severity.ERROR, "broken")],
        ),
        ({"severity": "warning", "message": "old"}, [Message(Severity.WARNING, "old")]),
        ({"severity": "info", "message": "hello"}, []),
        ({"severity": "info", "message": "hello", "urn": OBJECT}, []),
        (
            {"severity": "info", "message": "near its end", "urn": LOCAL},
            [Message(Severity.NOTE, "near its end")],
        ),
        ({"severity": "debug", "message": "hello"}, []),
        ({"severity": "error", "message": " \n"}, []),
        (
            {"severity": "info", "message": "waiting", "ephemeral": True},
            [Message(Severity.PROGRESS, "waiting")],
        ),
    ],
)
def test_what_is_said_is_told_by_how_much_it_matters(diagnostic, said):
    assert _read({"diagnosticEvent": diagnostic}) == said


def test_events_that_tell_of_no_resource_are_passed_over():
    assert _read({"preludeEvent": {"config": {}}}, {"summaryEvent": {}}, {"cancelEvent": {}}) == []


def test_a_replacement_is_one_change_though_it_has_several_steps():
    found = _read(
        _done(OBJECT, "delete-replaced"),
        _done(OBJECT, "create-replacement"),
        _done(GATE, "same"),
        _failed(LOCAL, "update"),
    )
    assert [(each.urn, each.verb) for each in events.changes(found)] == [
        (OBJECT, "replaced"),
        (LOCAL, "failed"),
    ]


def _results(told):
    return [each for each in told if isinstance(each, Result)]


def test_of_an_engine_that_previews_first_only_what_it_does_is_a_result():
    planned = [
        {name: {**told, "planning": True} for name, told in event.items()}
        for event in (_started(LOCAL, "create", CLUSTER), _done(LOCAL, "create", CLUSTER))
    ]
    given = (*planned, _failed(LOCAL, "create"), _started(LOCAL, "create", CLUSTER), _failed(LOCAL, "create"))

    results = _results(_read(*given, reader=Reader(previews_first=True)))

    assert [(each.outcome, each.seconds) for each in results] == [(Outcome.FAILED, 1)]
    assert len(_results(_read(*given))) == 3

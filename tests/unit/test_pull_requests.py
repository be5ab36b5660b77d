import json

import pytest

from atoll.automation import pull_requests
from atoll.core.errors import ArgsError, RefusedError, UnavailableError
from harness import github


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(pull_requests, "_RETRIES", pull_requests._RETRIES.new(backoff_factor=0))


@pytest.fixture
def service():
    with github.served() as made:
        yield made


@pytest.fixture
def variables(service, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_API_URL": service.url,
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "atoll/fleet",
        "GITHUB_RUN_ID": "42",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_TOKEN": github.TOKEN,
    }


def test_a_report_is_one_comment_that_is_edited(service, variables):
    first = pull_requests.tell(variables, "prod", "two changes")
    again = pull_requests.tell(variables, "prod", "no change")

    assert first == again
    (comment,) = service.comments
    assert comment["body"] == (
        "<!-- atoll: preview of prod -->\n### Preview of `prod`\n\nno change\n\n"
        "[The run](https://github.example/atoll/fleet/actions/runs/42)\n"
    )
    assert [method for method, _, _ in service.requests] == ["GET", "POST", "GET", "PATCH"]


def test_two_environments_have_a_comment_each(service, variables):
    for name in ("prod", "prod-2", "prod"):
        pull_requests.tell(variables, name, f"of {name}")

    assert ["of prod\n" in each["body"] for each in service.comments] == [True, False]


def test_a_comment_is_found_behind_two_hundred_others(service, variables):
    for number in range(205):
        service.add(f"comment {number}")
    pull_requests.tell(variables, "prod", "first")
    pull_requests.tell(variables, "prod", "second")

    assert len(service.comments) == 206
    assert "second" in service.comments[-1]["body"]


def test_a_person_who_copies_the_mark_is_not_spoken_through(service, variables):
    forged = "<!-- atoll: preview of prod -->\nall is well"
    service.add(forged, kind="User")
    pull_requests.tell(variables, "prod", "everything goes")

    assert [each["user"]["type"] for each in service.comments] == ["User", "Bot"]
    assert service.comments[0]["body"] == forged


def test_a_report_that_is_too_long_is_cut_at_a_line(service, variables):
    pull_requests.tell(variables, "prod", "\n".join(f"changed: {number:05}" for number in range(5000)))
    body = service.comments[0]["body"]

    assert len(body) <= pull_requests.LIMIT
    assert "*The rest is in the log of the run.*" in body
    assert all(len(line) == len("changed: 00000") for line in body.splitlines() if line.startswith("changed"))


def test_no_report_is_told_too(service, variables):
    pull_requests.tell(variables, "prod", "")

    assert "came to no report" in service.comments[0]["body"]


def test_a_service_that_is_busy_is_asked_again(service, variables):
    service.failures = [502, 429]
    pull_requests.tell(variables, "prod", "told")

    assert len(service.comments) == 1


def test_what_may_have_been_posted_is_not_posted_again(service, variables):
    service.add("other")
    real = service.answer

    def lost(method, *words):
        status, told = real(method, *words)
        return (502, told) if method == "POST" else (status, told)

    service.answer = lost
    with pytest.raises(UnavailableError, match="found 502"):
        pull_requests.tell(variables, "prod", "told")
    assert len(service.comments) == 2


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"GITHUB_TOKEN": "ghs_other"}, RefusedError, "permissions: pull-requests: write"),
        ({"GITHUB_TOKEN": ""}, ArgsError, "found no GITHUB_TOKEN"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, UnavailableError, "expected GitHub to answer"),
    ],
)
def test_what_keeps_it_from_being_told_is_said(service, variables, changed, error, said):
    with pytest.raises(error, match=said) as raised:
        pull_requests.tell(variables | changed, "prod", "told")
    assert github.TOKEN not in str(raised.value)
    assert service.comments == []


def test_a_run_about_no_pull_request_is_refused(service, variables, tmp_path):
    (tmp_path / "event.json").write_text("{}")

    with pytest.raises(ArgsError, match="about no pull request"):
        pull_requests.tell(variables, "prod", "told")
    assert service.requests == []

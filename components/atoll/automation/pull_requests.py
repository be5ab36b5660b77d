"""What a workflow tells on its pull request: one comment for each environment, edited by every later run.

Source: https://docs.github.com/rest/issues/comments, and the default variables of GitHub's workflows.
"""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import urllib3

from atoll.core.errors import ArgsError, RefusedError, UnavailableError

LIMIT = 65_536
"""How many characters a comment may have."""
_PAGE = 100
_SECONDS = 30.0
_RETRIES = urllib3.Retry(
    4,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    # A comment that was posted twice would be two: what is not sure to be undone is not done again.
    allowed_methods=("GET", "PATCH"),
    raise_on_status=False,
)
_CUT = "\n\n*The rest is in the log of the run.*\n"


def tell(variables: Mapping[str, str], name: str, report: str) -> str:
    """Writes or edits the comment about an environment; returns its address.

    `variables` are those of a workflow's step, GITHUB_TOKEN among them.

    Raises:
        ArgsError: they are no such variables, or the run is about no pull request.
        RefusedError: GitHub does not let this token do it.
        UnavailableError: GitHub does not answer.
    """
    comments = _Comments(variables)
    mark = f"<!-- atoll: preview of {name} -->"
    body = _body(mark, name, report, _run(variables))
    found = next((each for each in comments if _is_ours(each, mark)), None)
    done = comments.edit(found["url"], body) if found else comments.post(body)
    return str(done["html_url"])


def _body(mark: str, name: str, report: str, run: str) -> str:
    told = report.strip() or "The preview came to no report."
    head, tail = f"{mark}\n### Preview of `{name}`\n\n", f"\n\n[The run]({run})\n"
    room = LIMIT - len(head) - len(tail) - len(_CUT)
    if len(told) > room:
        told = told[:room].rpartition("\n")[0] + _CUT
    return head + told + tail


def _run(variables: Mapping[str, str]) -> str:
    server, repository = _variable(variables, "GITHUB_SERVER_URL"), _variable(variables, "GITHUB_REPOSITORY")
    return f"{server}/{repository}/actions/runs/{_variable(variables, 'GITHUB_RUN_ID')}"


def _is_ours(comment: Mapping[str, Any], mark: str) -> bool:
    """Whether a workflow wrote it: a person who copies the mark could change the words afterwards."""
    return str(comment["body"]).startswith(mark) and comment["user"]["type"] == "Bot"


class _Comments:
    """The comments on the pull request that a workflow runs for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        event = json.loads(Path(_variable(variables, "GITHUB_EVENT_PATH")).read_text())
        if "pull_request" not in event:
            raise ArgsError("ci comment: found a run about no pull request; expected one (on: pull_request)")
        api, repository = _variable(variables, "GITHUB_API_URL"), _variable(variables, "GITHUB_REPOSITORY")
        self._url = f"{api}/repos/{repository}/issues/{event['pull_request']['number']}/comments"
        self._headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {_variable(variables, 'GITHUB_TOKEN')}",
            "User-Agent": "atoll",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._pool = urllib3.PoolManager(timeout=_SECONDS, retries=_RETRIES)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        page, full = 0, True
        while full:
            page += 1
            listed = self._ask("GET", f"{self._url}?per_page={_PAGE}&page={page}")
            yield from listed
            full = len(listed) == _PAGE

    def edit(self, url: str, body: str) -> Any:
        """Gives one another text."""
        return self._ask("PATCH", url, body)

    def post(self, body: str) -> Any:
        """Writes another one."""
        return self._ask("POST", self._url, body)

    def _ask(self, method: str, url: str, body: str | None = None) -> Any:
        try:
            said = None if body is None else {"body": body}
            answer = self._pool.request(method, url, headers=self._headers, json=said)
        except urllib3.exceptions.HTTPError as error:
            raise UnavailableError(
                f"{url}: found {error}; expected GitHub to answer. Run it again."
            ) from error
        if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
            return answer.json()
        told = f"{url}: found {answer.status} {answer.reason} to {method}; expected 200"
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            raise RefusedError(f"{told}. Give the job: permissions: pull-requests: write")
        raise UnavailableError(f"{told}. Run it again.")


def _variable(variables: Mapping[str, str], name: str) -> str:
    if not variables.get(name):
        raise ArgsError(f"ci comment: found no {name}; expected it, as a step of a workflow has it")
    return variables[name]

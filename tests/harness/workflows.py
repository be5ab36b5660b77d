"""Runs the `run:` steps of GitHub's workflows on this machine, in their order, as a runner would.

What is GitHub's own is done in its place: a checkout is there, artifacts go through a folder, logins by OIDC and caches are none.
Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
"""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.github import TOKEN

_SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
_EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


@dataclass
class Job:
    """What became of one: the exit code and output of each of its `run:` steps, by name, and its summary."""

    steps: dict[str, tuple[int, str]] = field(default_factory=dict)
    summary: str = ""

    @property
    def failed(self) -> list[str]:
        """The steps that did."""
        return [name for name, (code, _) in self.steps.items() if code]


@dataclass
class Runner:
    """A machine that runs workflows of a checkout. `variables` is the environment of every step."""

    checkout: Path
    scratch: Path
    variables: Mapping[str, str]
    event: Mapping[str, Any] = field(default_factory=dict)
    api: str = "http://127.0.0.1:9"

    def run(self, workflow: str) -> dict[str, Job]:
        """Runs one to its end: {job: what became of it}; what needs a job that failed is not run."""
        self.scratch.mkdir(exist_ok=True)
        found = yaml.safe_load((self.checkout / ".github" / "workflows" / f"{workflow}.yaml").read_text())
        done: dict[str, Job] = {}
        # Ours stand in the order of their needs.
        for name, job in found["jobs"].items():
            needed = job.get("needs")
            if needed is None or (needed in done and not done[needed].failed):
                done[name] = self._job(job, found.get("env", {}))
        return done

    def _job(self, job: Mapping[str, Any], variables: Mapping[str, str]) -> Job:
        done = Job()
        for name in ("path", "summary"):
            (self.scratch / name).write_text("")
        for step in job["steps"]:
            # The only conditions there are: after success, and whatever was before.
            assert step.get("if", "") in {"", "${{ !cancelled() }}"}
            if done.failed and not step.get("if"):
                continue
            if "uses" in step:
                self._use(step)
            else:
                done.steps[step["name"]] = self._run(step, variables)
        done.summary = (self.scratch / "summary").read_text()
        return done

    def _use(self, step: Mapping[str, Any]) -> None:
        action, words = step["uses"].partition("@")[0], step.get("with", {})
        kept = self.scratch / "artifacts" / str(words.get("name"))
        if action == "actions/upload-artifact":
            shutil.copytree((self.checkout / words["path"]).parent, kept, ignore=_all_but(words["path"]))
            # The next job is another machine's.
            (self.checkout / words["path"]).unlink()
        elif action == "actions/download-artifact":
            shutil.copytree(kept, self.checkout, dirs_exist_ok=True)
            shutil.rmtree(kept)

    def _run(self, step: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[int, str]:
        text = self._filled(step["run"])
        script = self.scratch / "step.sh"
        script.write_text(text)
        own = {name: self._filled(value) for name, value in (variables | step.get("env", {})).items()}
        done = subprocess.run(
            [*_SHELL, str(script)],
            cwd=self.checkout,
            env=self._surroundings() | own,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout

    def _surroundings(self) -> dict[str, str]:
        event = self.scratch / "event.json"
        event.write_text(json.dumps(self.event))
        added = (self.scratch / "path").read_text().split()
        return {
            **self.variables,
            "PATH": ":".join([*reversed(added), self.variables["PATH"]]),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": self.variables.get("GITHUB_ACTOR", "crab"),
            "GITHUB_API_URL": self.api,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_PATH": str(self.scratch / "path"),
            "GITHUB_REPOSITORY": "atoll/fleet",
            "GITHUB_RUN_ID": "42",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": self.variables.get("GITHUB_SHA", "0" * 40),
            "GITHUB_STEP_SUMMARY": str(self.scratch / "summary"),
        }

    def _filled(self, text: str) -> str:
        known = {"github.token": self.variables.get("PLANTED_TOKEN", TOKEN)}
        return _EXPRESSION.sub(lambda found: known[found[1]], str(text))


def _all_but(name: str) -> Any:
    return lambda _folder, names: [each for each in names if each != name]

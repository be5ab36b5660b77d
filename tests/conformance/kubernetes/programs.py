"""Runs Pulumi programs by the real engine against a real API server, and tells what the engine said.

Nothing here knows the stand-in: with the official plugin installed in the engine's home, the same programs run
against it.
"""

import json
import os
import re
import shutil
import textwrap
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from atoll.core import command

_LIMIT = timedelta(seconds=100)
_PREAMBLE = """
import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

NAMESPACE = {namespace!r}
KUBECONFIG = {kubeconfig!r}


def meta(name=None, /, **more):
    return ObjectMetaArgs(**({{"name": name}} if name else {{}}), namespace=NAMESPACE, **more)


def provider(name="cluster", **settings):
    return k8s.Provider(name, **{{"kubeconfig": KUBECONFIG, "cluster_identifier": "conformance", **settings}})


def here(**more):
    return ResourceOptions(provider=cluster, **more)


cluster = provider(**{settings!r})
"""
_QUIET = {"same", "read", "refresh"}
_FRAME = re.compile(r"(preview|update|resource) .*failed|\d+ errors? occurred:")
"""What the engine puts around an error."""
_PROJECT = """name: {name}
runtime: python
"""


@dataclass(frozen=True)
class Step:
    """What the engine did (or would do) to one resource; `changes` are the property paths that differ."""

    op: str
    changes: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of the engine. `steps` are keyed by the resource's name, stack and provider left out."""

    code: int
    text: str
    steps: dict[str, Step]
    order: tuple[tuple[str, str], ...]
    """Each step as it began: name and operation."""
    failed: tuple[str, ...]
    said: tuple[tuple[str, str], ...]
    """What was said, with its severity."""

    @property
    def ops(self):
        """What changed, by name."""
        return {name: step.op for name, step in self.steps.items() if step.op not in _QUIET}

    @property
    def errors(self):
        return [text for severity, text in self.said if severity == "error"]

    @property
    def warnings(self):
        return [text for severity, text in self.said if severity == "warning"]

    def succeeded(self):
        assert self.code == 0, self.text
        return self

    def refused(self):
        """The one error line of a run that failed, other than what the engine adds to every failure."""
        assert self.code != 0, self.text
        lines = {line.strip().removeprefix("* ") for text in self.errors for line in text.splitlines()}
        own = sorted(line for line in lines if line and not _FRAME.fullmatch(line))
        assert len(own) == 1, self.text
        return own[0]


class Program:
    """A Pulumi project of one test, with a stack of its own."""

    def __init__(self, folder: Path, engine, name: str, namespace: str, kubeconfig: str):
        self.folder, self.namespace, self.kubeconfig = folder, namespace, kubeconfig
        self.environment: dict[str, str] = {}
        self._engine, self._name = engine, name
        engine.make_project(folder, name)

    def write(self, body: str, *, kubeconfig: str | None = None, **settings):
        """Makes `body` the program; `settings` are those of its Kubernetes provider."""
        preamble = _PREAMBLE.format(
            namespace=self.namespace, kubeconfig=kubeconfig or self.kubeconfig, settings=settings
        )
        (self.folder / "__main__.py").write_text(preamble + textwrap.dedent(body))
        return self

    def configure(self, settings):
        """Adds to the stack's configuration."""
        with (self.folder / "Pulumi.t.yaml").open("a") as file:
            file.write("config:\n" + textwrap.indent(yaml.safe_dump(settings), "  "))

    def up(self, *options):
        return self._operate("up", "--skip-preview", "--yes", *options)

    def deploy(self, *options):
        """A preview and the update after it, which does what the preview says."""
        told, done = self.preview(*options).succeeded(), self.up(*options).succeeded()
        assert told.ops == done.ops
        return done

    def lives(self, body, changed="", *, ops=None, **settings):
        """A whole life: previewed, made, left alone, changed as `ops` say, left alone, destroyed."""
        first = self.write(body, **settings).deploy()
        assert set(first.ops.values()) == {"create"}
        if changed:
            assert self.write(changed, **settings).deploy().ops == ops
        assert self.up().succeeded().ops == {}
        self.destroy().succeeded()
        assert self.state_text().count("kubernetes:") == 0
        return first

    def preview(self, *options):
        return self._operate("preview", *options)

    def refresh(self, *options):
        return self._operate("refresh", "--skip-preview", "--yes", *options)

    def destroy(self, *options):
        return self._operate("destroy", "--skip-preview", "--yes", *options)

    def outputs(self):
        return json.loads(self._call("stack", "output", "--json", "--show-secrets").stdout)

    def state(self):
        """The resources in the state, by name; secrets stay as they are kept."""
        exported = json.loads(self._call("stack", "export").stdout)
        found = exported["deployment"].get("resources") or []
        return {entry["urn"].split("::", 3)[-1]: entry for entry in found}

    def state_text(self):
        """The state as it lies on disk."""
        return "\n".join(path.read_text() for path in self._engine.stacks(self._name))

    def operate(self, *words):
        """Any other operation of the engine."""
        return self._operate(*words)

    def _call(self, *words):
        return self._engine.call(self.folder, *words, "--stack", "t")

    def _operate(self, *words):
        return _read(*self._run(*words))

    def _run(self, *words):
        log = self.folder / "events"
        log.unlink(missing_ok=True)
        argv = [self._engine.pulumi, *words, "--stack", "t", "--non-interactive", "--event-log", str(log)]
        variables = {**self._engine.variables, **self.environment}
        done = command.run(argv, env=variables, cwd=self.folder, timeout=_LIMIT, check=False)
        return done, [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@dataclass(frozen=True)
class Engine:
    """The engine as all tests of a session share it."""

    pulumi: Path
    home: Path
    variables: dict[str, str]

    @classmethod
    def within(cls, folder: Path, programs: Path, python: Path):
        """An engine with all that it keeps in one folder; `programs` holds its own."""
        home, backend = folder / "engine", folder / "state"
        for path in (home, backend):
            path.mkdir(parents=True, exist_ok=True)
        folders = [str(python.parent), str(programs), os.defpath]
        variables = {
            "HOME": str(folder),
            "PATH": ":".join(folders),
            "LANG": "C.UTF-8",
            "KUBECONFIG": os.devnull,
            "PULUMI_HOME": str(home),
            # As environments have it: a kill would leave the sidecar files of attributes cut off.
            "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "conformance",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
        }
        return cls(programs / "pulumi", home, variables)

    def stacks(self, project):
        """The files that hold a project's state."""
        return sorted((self._backend / ".pulumi" / "stacks" / project).glob("*.json"))

    @property
    def _backend(self):
        return Path(urlsplit(self.variables["PULUMI_BACKEND_URL"]).path)

    def call(self, folder, *words):
        """Runs the engine in a project's folder."""
        argv = [self.pulumi, *words, "--non-interactive"]
        return command.run(argv, env=self.variables, cwd=folder, timeout=_LIMIT)

    def make_project(self, folder, name):
        """Makes a project with an empty stack, by copying the first one: that takes the engine a second each."""
        folder.mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text(_PROJECT.format(name=name))
        template = self.home.parent / "template"
        if not template.exists():
            template.mkdir()
            (template / "Pulumi.yaml").write_text(_PROJECT.format(name="template"))
            self.call(template, "stack", "init", "t")
        shutil.copy(template / "Pulumi.t.yaml", folder)
        (state,) = self.stacks("template")
        copy = self._backend / ".pulumi" / "stacks" / name / state.name
        copy.parent.mkdir(parents=True)
        copy.write_text(state.read_text().replace("/template/", f"/{name}/"))


def _read(done, events):
    steps: dict[str, Step] = {}
    order, failed, said = [], [], []
    for event in events:
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            if kind in event:
                _step(event[kind]["metadata"], steps)
        if "resourcePreEvent" in event:
            begun = event["resourcePreEvent"]["metadata"]
            order.append((_name(begun["urn"]), begun["op"]))
        if "resOpFailedEvent" in event:
            failed.append(_name(event["resOpFailedEvent"]["metadata"]["urn"]))
        if "diagnosticEvent" in event and not event["diagnosticEvent"].get("ephemeral"):
            shown = event["diagnosticEvent"]
            said.append((shown["severity"], _plain(shown["message"]).strip()))
    return Run(done.code, done.stdout + done.stderr, steps, tuple(order), tuple(failed), tuple(said))


def _step(metadata, steps):
    if "pulumi:" in metadata["type"]:
        return
    name = _name(metadata["urn"])
    op = metadata["op"]
    # A replacement is three steps of which the middle one tells what changed.
    known = steps.get(name)
    if known and known.op == "replace" and op in {"create-replacement", "delete-replaced"}:
        op = "replace"
    changes = {path: found["diffKind"] for path, found in (metadata.get("detailedDiff") or {}).items()}
    state = metadata.get("new") or metadata.get("old") or {}
    steps[name] = Step(
        op,
        changes or (known.changes if known else {}),
        state.get("inputs") or {},
        state.get("outputs") or {},
    )


def _name(urn):
    return urn.split("::", 3)[-1]


def _plain(text):
    """Text without the engine's marks for colours."""
    while "<{%" in text:
        begin = text.index("<{%")
        text = text[:begin] + text[text.index("%}>", begin) + 3 :]
    return text

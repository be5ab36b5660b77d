"""What makes an image of Kaniko's real: a Job in a cluster that is awaited, read and removed."""

import contextlib
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from atoll.core import naming
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import ArgsError, AtollError, NotReadyError, RefusedError, UnavailableError, quoted
from atoll.host import Environment
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.registry import access, contexts, logins
from atoll.registry.client import Client
from atoll.registry.kaniko import LABEL, MOST_BYTES, Build, Manifest
from atoll.registry.logins import Login
from atoll.registry.references import ImageRef

_WAYS = frozenset({"access", "namespace", "registries", "resources", "timeoutSeconds"})
"""Inputs that say where and how long it is built, and not what."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_OUTPUTS = frozenset({"digest", "revision"})
_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 60
"""A server that starts anew meanwhile is asked again."""
_FORBIDDEN = 403
_NO_NODE = "the pod ended without a word, as simulated ones do"


class KanikoImage(Effect):
    """An image that a Job builds. Its context is looked at by every run, as that of BuildKit's images is."""

    replace_on = frozenset({"name"})
    secret_outputs = frozenset[str]()
    outputs = _OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:
        """The executor is known by its digest, as all that runs."""
        try:
            _ = "executor" in inputs and ImageRef.parse(inputs["executor"])
        except ArgsError as error:
            return [Failure("executor", str(error))]
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Another way to the same image makes no other image."""
        return frozenset() if changed and changed <= _WAYS else _OUTPUTS

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Registries are a set."""
        return access.same(old, new) if name == "registries" else bool(old == new)

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """What is in the context is not what was built."""
        try:
            known = _build(inputs, {}).revision == outputs.get("revision")
        except ArgsError as error:
            return str(error)
        return None if known else "its context changed"

    def refuse(self, inputs: Values, outputs: Values) -> None:  # noqa: ARG002 - the protocol's
        """A context that is too large is known before."""
        if {"context", "executor", "repository", "namespace"} <= inputs.keys():
            _fitting(_build(inputs, {}))

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Lets a Job build it, or takes up the one that a killed run began."""
        asked = [access.login(each) for each in inputs["registries"]]
        build = _fitting(_build(inputs, {each.address: each.authority for each in asked if each.authority}))
        api = Api(Kubeconfig.read(inputs["access"]))
        digest = _built(api, build, asked, context)
        return Outcome(inputs["name"], {"digest": digest, "revision": build.revision})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Gone where its registry says so; one that does not answer keeps it."""
        if not inputs:
            return None
        host, _, repository = inputs["repository"].partition("/")
        for each in inputs["registries"]:
            if each["address"] == host and access.exists(each):
                with contextlib.suppress(UnavailableError):
                    if Client(access.login(each)).lacks(repository, outputs["digest"]):
                        return None
        return Seen(inputs, outputs)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002 - the protocol's
        """Builds it anew where it is another one."""
        if _build(inputs, {}).revision == outputs.get("revision"):
            return Outcome(id, outputs)
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Leaves it to its repository: what runs it may be pulling it."""


def _build(inputs: Values, authorities: dict[str, str]) -> Build:
    """What is to be built; whom to trust for registries is known as it begins, and makes no other image."""
    project = Environment.current().project
    folder = project / inputs["context"]
    dockerfile = project / inputs["dockerfile"] if inputs.get("dockerfile") else folder / "Dockerfile"
    return Build(
        name=inputs["name"],
        namespace=inputs["namespace"],
        executor=inputs["executor"],
        repository=inputs["repository"],
        context=contexts.pack(folder, dockerfile),
        dockerfile=_text(dockerfile),
        tags=tuple(inputs.get("tags") or ()),
        target=inputs.get("target", ""),
        platform=inputs.get("platform", ""),
        build_args=inputs.get("buildArgs") or {},
        labels=inputs.get("labels") or {},
        cache=inputs.get("cache", ""),
        resources=inputs.get("resources") or {},
        authorities=authorities,
        timeout=timedelta(seconds=inputs["timeoutSeconds"]),
    )


def _text(dockerfile: Path) -> bytes:
    try:
        return dockerfile.read_bytes()
    except OSError as error:
        raise ArgsError(
            f"dockerfile: found {str(dockerfile)!r} ({error.strerror}); expected a file that can be read"
        ) from error


def _fitting(build: Build) -> Build:
    size = len(build.context) + len(build.dockerfile) + sum(map(len, build.authorities.values()))
    if size > MOST_BYTES:
        raise RefusedError(
            f"image {build.name}: found {size} bytes of context, packed; expected at most {MOST_BYTES} (a ConfigMap "
            "carries it to Kaniko). Leave out of it what the image needs not (.dockerignore), or build it by BuildKit"
        )
    return build


def _built(api: Api, build: Build, asked: list[Login], context: Context) -> str:
    """The digest of what a Job builds; nothing of it is left, whatever comes of it."""
    job = build.job(suspended=False)
    live = api.get(job)
    if live and (live["metadata"].get("labels") or {}).get(naming.MARK) != naming.PACKAGE:
        raise RefusedError(
            f"image {build.name}: found Job {build.called} of somebody else's in namespace {build.namespace}; expected none. "
            "Delete it, or build in another namespace"
        )
    try:
        _begun(api, build, asked, live)
        patient = api.patiently(_PATIENCE_SECONDS, context.cancelled)
        return _digest(build, _ended(patient, build, context))
    except ApiError as error:
        raise _refused(build, error) from error
    finally:
        # A cluster that does not answer by now removes it by itself in time.
        with contextlib.suppress(ApiError, UnavailableError):
            api.delete(job)


def _begun(api: Api, build: Build, asked: list[Login], live: Manifest | None) -> None:
    """Makes the Job and what it reads, unless a live one is at work."""
    if live and not (
        live["spec"].get("suspend") or live["metadata"].get("deletionTimestamp") or _condition(live, "Failed")
    ):
        return
    if live:
        _removed(api, live)
    # Of a pod that is not let in the Job would say nothing, and wait for it.
    api.apply(build.pod(), dry_run=True)
    owner = api.apply(build.job(suspended=True))
    api.apply(build.input(owner))
    api.apply(build.logins(owner, logins.docker_config(*asked)))
    api.apply(build.job(suspended=False), force=True)


def _removed(api: Api, live: Manifest) -> None:
    api.delete(live)
    end = time.monotonic() + 30
    while api.get(live) and time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)


def _ended(api: Api, build: Build, context: Context) -> Manifest:
    """How the Job's container ended.

    Raises:
        NotReadyError: it did not in time, or is not to be waited for any longer.
    """
    begin, seen = time.monotonic(), "no pod yet"
    limit = build.timeout.total_seconds()
    while True:
        job = api.get(build.job(suspended=False)) or {}
        pods = api.items("v1", "Pod", build.namespace, labelSelector=f"{LABEL}={build.called}")
        seen = next(_states(pods), seen)
        waited = time.monotonic() - begin
        if _condition(job, "Complete") or (_condition(job, "Failed") and _terminated(pods)):
            return _terminated(pods)
        if not job or _condition(job, "Failed") or waited > limit or context.cancelled.is_set():
            why = quoted((_condition(job, "Failed") or {}).get("message") or seen)
            raise NotReadyError(
                f"image {build.name}: found its Job {build.called} not done after {waited:.0f} s ({why}); expected it done "
                f"within {limit:.0f} s. Look into: kubectl -n {build.namespace} get events"
            )
        context.report(f"image {build.name}: Kaniko builds it ({waited:.0f} s, {seen})")
        context.cancelled.wait(_PAUSE_SECONDS)


def _states(pods: list[Manifest]) -> Iterator[str]:
    """What keeps pods from running, or that they do."""
    for pod in pods:
        status = pod.get("status") or {}
        for each in status.get("containerStatuses") or []:
            for state, said in (each.get("state") or {}).items():
                yield quoted(": ".join(filter(None, [said.get("reason") or state, said.get("message")])))
        for each in status.get("conditions") or []:
            if each.get("status") == "False" and each.get("message"):
                yield quoted(each["message"])


def _terminated(pods: list[Manifest]) -> Manifest:
    found = (
        (each.get("state") or {}).get("terminated")
        for pod in pods
        for each in (pod.get("status") or {}).get("containerStatuses") or []
    )
    return next((each for each in found if each), {})


def _condition(job: Manifest, kind: str) -> Manifest | None:
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind and each["status"] == "True"), None)


def _digest(build: Build, ended: Manifest) -> str:
    """The digest that the executor told as it ended well; of all that it said otherwise its last line."""
    message = (ended.get("message") or "").strip()
    if not ended.get("exitCode") and _DIGEST.fullmatch(message):
        return message
    lines = [line for line in message.splitlines() if line.strip()]
    raise AtollError(
        f"image {build.name}: found no image at the end of Job {build.called} "
        f"({quoted(lines[-1]) if lines else _NO_NODE}); expected Kaniko to build and push one"
    )


def _refused(build: Build, error: ApiError) -> AtollError:
    text = f"image {build.name}: found a refusal in namespace {build.namespace} ({quoted(error)}); expected a Job to be let in"
    if error.code == _FORBIDDEN and "PodSecurity" in str(error):
        return RefusedError(f"{text}. Kaniko is root in its pod: let the namespace enforce baseline")
    return RefusedError(text)

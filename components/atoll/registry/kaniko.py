"""A build by Kaniko as the objects of a cluster: a Job, what it is to read, and what it may do. Pure.

The context goes along in a ConfigMap: that takes no storage, no bucket and no login beside what every cluster has, at the
price of its limit. Kaniko's other ways (a bucket, a Git server) build what somebody else keeps, of which nobody here could
say whether it changed; a volume of the cluster has to be filled by a pod that somebody brings.

Source: https://github.com/GoogleContainerTools/kaniko/blob/v1.24.0/README.md
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from atoll.core import naming

Manifest = dict[str, Any]
LABEL = "batch.kubernetes.io/job-name"
"""What a Job's pods carry."""
MOST_BYTES = 2**20 - 2**14
"""Of a packed context: a ConfigMap's limit, less what stands beside it. Source: k8s.io/api/core/v1, MaxSecretSize."""
_HOME = "/kaniko"
"""Where the executor is. What is mounted below it is in no image: it passes its own folder over."""
_INPUT = f"{_HOME}/input"
_CONTEXT, _DOCKERFILE, _LOGINS = "context.tar.gz", "Dockerfile", "config.json"
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "SETGID", "SETUID")
"""What unpacks a base image with its owners and file capabilities, and runs RUN as other users.

All of them are of the Baseline Pod Security Standard: its namespace cannot be one that enforces the Restricted one.
"""
_KEPT = timedelta(minutes=10)
"""How long a Job lives whose maker was killed: until then the next run takes it up."""
_SHOWN = 12


@dataclass(frozen=True)
class Build:
    """One image to build in a namespace: `executor` and `repository` as references of images, the former by digest.

    `context` is a gzipped tar, `authorities` are {address of a registry: whom to trust for its certificate, PEM}.
    """

    name: str
    namespace: str
    executor: str
    repository: str
    context: bytes
    dockerfile: bytes
    tags: tuple[str, ...] = ()
    target: str = ""
    platform: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    cache: str = ""
    resources: Mapping[str, Any] = field(default_factory=dict)
    authorities: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta = timedelta(minutes=30)

    @property
    def revision(self) -> str:
        """What another image has another one of: where and for how long it is built makes none."""
        digest = hashlib.sha256()
        for part in (self.context, self.dockerfile, json.dumps(self._settings(), sort_keys=True).encode()):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()[:_SHOWN]

    @property
    def called(self) -> str:
        """What its objects are called."""
        # A pod is called by its Job, a dash and five characters, which are to be a DNS label.
        return f"{self.name[:40].rstrip('-')}-{self.revision}"

    @property
    def destinations(self) -> tuple[str, ...]:
        """What is pushed; without tags by the build's own revision: `latest` would come to mean another image."""
        return tuple(f"{self.repository}:{tag}" for tag in self.tags or (self.revision,))

    def job(self, *, suspended: bool) -> Manifest:
        """The Job. It waits, suspended, for what its pod mounts."""
        spec = {
            "suspend": suspended,
            # What failed fails again; that a registry does not answer, the executor tries again by itself.
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(self.timeout.total_seconds()),
            "ttlSecondsAfterFinished": int(_KEPT.total_seconds()),
            "template": {"metadata": {"labels": {naming.MARK: naming.PACKAGE}}, "spec": self._pod()},
        }
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": self._metadata(), "spec": spec}

    def pod(self) -> Manifest:
        """A pod as the Job makes it, to ask a server whether it would be let in."""
        return {"apiVersion": "v1", "kind": "Pod", "metadata": self._metadata(), "spec": self._pod()}

    def input(self, owner: Mapping[str, Any]) -> Manifest:
        """What is built, and whom to trust; it goes with its owner, a live Job."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self._metadata(owner),
            "immutable": True,
            "data": {file: self.authorities[address] for address, file in self._trusted().items()},
            "binaryData": {
                _CONTEXT: base64.b64encode(self.context).decode(),
                _DOCKERFILE: base64.b64encode(self.dockerfile).decode(),
            },
        }

    def logins(self, owner: Mapping[str, Any], docker_config: str) -> Manifest:
        """The logins, as Docker's clients keep them; they go with their owner, a live Job."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": self._metadata(owner),
            "data": {_LOGINS: base64.b64encode(docker_config.encode()).decode()},
        }

    def _settings(self) -> dict[str, Any]:
        """What decides what is built and how, in the words of the inputs."""
        return {
            "executor": self.executor,
            "repository": self.repository,
            "tags": self.tags,
            "target": self.target,
            "platform": self.platform,
            "buildArgs": {**self.build_args},
            "labels": {**self.labels},
            "cache": self.cache,
        }

    def _metadata(self, owner: Mapping[str, Any] | None = None) -> Manifest:
        found: Manifest = {
            "name": self.called,
            "namespace": self.namespace,
            "labels": {naming.MARK: naming.PACKAGE},
        }
        if owner:
            uid = owner["metadata"]["uid"]
            found["ownerReferences"] = [
                {"apiVersion": "batch/v1", "kind": "Job", "name": self.called, "uid": uid}
            ]
        return found

    def _trusted(self) -> dict[str, str]:
        """The file of each authority, by the address of its registry."""
        return {address: f"{number}.crt" for number, address in enumerate(sorted(self.authorities))}

    def _pod(self) -> Manifest:
        return {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [self._container()],
            "volumes": [
                {"name": "input", "configMap": {"name": self.called}},
                {"name": "logins", "secret": {"secretName": self.called, "defaultMode": 0o400}},
            ],
        }

    def _container(self) -> Manifest:
        found: Manifest = {
            "name": "kaniko",
            "image": self.executor,
            "args": self._arguments(),
            "env": [{"name": "DOCKER_CONFIG", "value": f"{_HOME}/.docker"}],
            # It tells the digest, or else the end of what it said.
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "FallbackToLogsOnError",
            # It unpacks the image over its own root: it must be root there, and may write there.
            "securityContext": {
                "runAsUser": 0,
                "runAsNonRoot": False,
                "privileged": False,
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": False,
                "capabilities": {"drop": ["ALL"], "add": list(_CAPABILITIES)},
            },
            "volumeMounts": [
                {"name": "input", "mountPath": _INPUT, "readOnly": True},
                {"name": "logins", "mountPath": f"{_HOME}/.docker", "readOnly": True},
            ],
        }
        if self.resources:
            found["resources"] = {**self.resources}
        return found

    def _arguments(self) -> list[str]:
        trusted = self._trusted().items()
        pairs = {"build-arg": self.build_args, "label": self.labels}
        cached = ["--cache=true", f"--cache-repo={self.cache}"] if self.cache else []
        return [
            # It guesses from /proc whether it is in a container, and is wrong under cgroup v2.
            "--force",
            f"--context=tar://{_INPUT}/{_CONTEXT}",
            f"--dockerfile={_INPUT}/{_DOCKERFILE}",
            *(f"--destination={each}" for each in self.destinations),
            "--digest-file=/dev/termination-log",
            # The same context has the same digest, also where a build is done again because its result was lost.
            "--reproducible",
            "--push-retry=3",
            "--image-download-retry=3",
            "--log-format=text",
            *(f"--registry-certificate={address}={_INPUT}/{file}" for address, file in trusted),
            *(f"--{flag}={value}" for flag, value in self._said() if value),
            *(f"--{flag}={key}={pairs[flag][key]}" for flag in pairs for key in sorted(pairs[flag])),
            *cached,
        ]

    def _said(self) -> tuple[tuple[str, str], ...]:
        return (("target", self.target), ("custom-platform", self.platform))

"""Many sealed values in the inventory of the environment `test`, whose key is rotated: what must hold meanwhile and then."""

import base64
import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import yaml

from atoll.automation import sealing, searching
from atoll.core.effect import Context as Telling
from atoll.platform import load
from atoll.secrets import kms, sealed
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.local import seat
from atoll.secrets.message import Context
from atoll.secrets.sealed_effects import SealedSecret
from e2e.checkout import Checkout

KEY, NAMESPACE, ENVIRONMENT = "main", "beacon", "test"
_MEMBER = "tern"


class Vault:
    """A checkout whose environment has sealed secrets: some values under a key of its own, one under the environment's."""

    def __init__(self, checkout: Checkout, secrets: int, values: int) -> None:
        self.checkout = checkout
        self.plain = {
            f"vault{number}": {f"v{each}": f"value {each} of {number}" for each in range(values)}
            for number in range(secrets)
        } | {"own": {"token": "what the own key of this environment sealed"}}
        self.environment = checkout.environment(ENVIRONMENT)

    @property
    def access(self) -> kms.Access:
        """The environment's KMS."""
        return seat.seat(self.environment).access()

    def alias(self, key: str = KEY) -> str:
        """The alias of a key; that of the environment's own where it has no name."""
        return f"alias/atoll-{ENVIRONMENT}-{key}" if key else seat.alias(ENVIRONMENT)

    def today(self, key: str = KEY) -> str:
        """The ARN of the key behind an alias."""
        return WrappingKey.found(self.access, self.alias(key)).arn

    def declare(self, values: dict[str, Any]) -> None:
        """Adds the key alone to an inventory."""
        values["keys"] = {KEY: {"description": "rotated", "rotation": "180d", "tags": {"team": "blue"}}}

    def seal(self) -> None:
        """Adds the sealed secrets to the inventory; its key has to exist."""
        path = self.checkout.folder / "stacks" / f"{ENVIRONMENT}.yaml"
        content = yaml.safe_load(path.read_text())
        content["sealedSecrets"] = {
            name: {
                "namespace": NAMESPACE,
                "clusters": [_MEMBER],
                **({} if name == "own" else {"key": KEY}),
                "values": self._sealed(name, plain),
            }
            for name, plain in self.plain.items()
        }
        path.write_text(f"# what a person wrote stays\n{yaml.safe_dump(content, sort_keys=False)}")

    def _sealed(self, name: str, plain: dict[str, str]) -> dict[str, str]:
        key = WrappingKey.found(self.access, self.alias("" if name == "own" else KEY))
        return {
            each: key.seal_text(Context("atoll", ENVIRONMENT, f"{name}/{each}"), value.encode())
            for each, value in plain.items()
        }

    def opened(self) -> int:
        """Opens every value of the inventory as a deployment does; returns how many there are."""
        access, declared = self.access, load(self.checkout.folder / "stacks", ENVIRONMENT).sealed_secrets
        login = {"AWS_ACCESS_KEY_ID": str(access.access_key), "AWS_SECRET_ACCESS_KEY": str(access.secret_key)}
        count = 0
        with mock.patch.dict(os.environ, login):
            for name, secret in declared.items():
                inputs = {
                    "project": "atoll",
                    "environment": ENVIRONMENT,
                    "name": name,
                    "values": secret.values,
                }
                where = {
                    "key": self.alias(secret.key or ""),
                    "region": access.region,
                    "endpoint": access.endpoint,
                }
                outcome = SealedSecret().create(name, {**inputs, **where}, Telling())
                assert outcome.outputs["data"] == _data(self.plain[name]), name
                count += len(outcome.outputs["data"])
        return count

    def delivered(self) -> dict[str, Any]:
        """The Secrets of the member: what they hold and which version of it."""
        found = self.checkout.api(ENVIRONMENT, _MEMBER).items("v1", "Secret", NAMESPACE)
        return {
            each["metadata"]["name"]: (
                each["data"],
                each["metadata"]["uid"],
                each["metadata"]["resourceVersion"],
            )
            for each in found
            if each["metadata"]["name"] in self.plain
        }

    def named(self) -> set[str]:
        """The ARNs of all keys under which something lies that lives: in the inventory and in the state."""
        secrets = load(self.checkout.folder / "stacks", ENVIRONMENT).sealed_secrets
        texts = [text for secret in secrets.values() for text in secret.values.values()]
        state = sealing.kept(self.environment).read_text()
        texts += [each for each in searching.leaves(json.loads(state)) if each.startswith("AgR4")]
        arns = {arn for text in texts for arn in sealed.keys_of(text)}
        return arns | {word for word in state.replace('"', " ").split() if sealed.is_arn(word)}

    def states(self, key: str = KEY) -> list[tuple[str, bool, str]]:
        """By generation the state of each key of a name, whether it is enabled, and its ARN, as the KMS says."""
        client, wanted = kms.client(self.access), self.alias(key).removeprefix("alias/")
        found = []
        for each in client.list_keys()["Keys"]:
            told = client.list_resource_tags(KeyId=each["KeyId"])["Tags"]
            tags = {tag["TagKey"]: tag["TagValue"] for tag in told}
            if tags.get("atoll.dev/alias") == wanted:
                enabled = client.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["Enabled"]
                generation = int(tags.get("atoll.dev/generation", 1))
                found.append((generation, tags.get("atoll.dev/state", "active"), enabled, each["KeyArn"]))
        client.close()
        return [(state, enabled, arn) for _, state, enabled, arn in sorted(found)]

    def killed(self, after: float, key: str = KEY) -> bool:
        """A rotation that is killed after some seconds; whether it still ran."""
        run = self.checkout.start("secrets", "rotate", ENVIRONMENT, *([key] if key else []))
        time.sleep(after)
        ran = run.poll() is None
        run.kill()
        run.communicate()
        return ran

    def rotated(self, key: str = KEY) -> Any:
        """The report of a rotation that is left alone."""
        return self.checkout.report("secrets", "rotate", ENVIRONMENT, *([key] if key else []))

    def readable(self, when: str) -> None:
        """Everything opens, and `up` works and changes nothing that is delivered."""
        assert self.opened() == sum(map(len, self.plain.values())), when
        report = self.checkout.report("up", ENVIRONMENT)
        kinds = {each["urn"].split("::")[2].rsplit(":", 1)[-1] for each in report["changes"]}
        assert kinds <= {"KmsKey", "SealedSecret"}, (when, report["changes"])

    def done(self, report: Any, key: str = KEY) -> None:
        """What must hold once a rotation is finished."""
        *old, last = self.states(key)
        assert last == ("active", True, report["arn"])
        assert {state for state, _, _ in old} == {"retired"}, old
        assert all(enabled for _, enabled, _ in old)
        assert self.today(key) == report["arn"]
        assert not self.named() & {arn for _, _, arn in old}
        assert report["copies"]["history"], "the engine's history holds what was sealed before"
        assert report["copies"]["backups"]
        assert self.checkout.report("up", ENVIRONMENT)["changes"] == []


@contextlib.contextmanager
def vault(checkout: Checkout, *, secrets: int, values: int) -> Iterator[Vault]:
    """The environment with sealed secrets, delivered; afterwards the inventory is as it was."""
    made = Vault(checkout, secrets, values)
    with checkout.edited(ENVIRONMENT, made.declare):
        checkout.report("up", ENVIRONMENT)
        made.seal()
        checkout.report("up", ENVIRONMENT)
        yield made
    checkout.report("up", ENVIRONMENT)


def _data(plain: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}

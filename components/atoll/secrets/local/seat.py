"""Where the KMS of an environment of this machine is: its folder, its port, and the one login that it knows."""

import configparser
import hashlib
import importlib.metadata
import io
import secrets
import string
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atoll.core import files
from atoll.host import Environment, Ports, Program

if TYPE_CHECKING:
    from atoll.secrets import kms

NAME = "kms"
"""Its folder, its port's purpose, and its process: one without a dot belongs to no cluster."""
LOOPBACK = "127.0.0.1"
REGION = "us-east-1"
"""Every AWS client wants one; the keys' ARNs carry it."""
_LETTERS = string.ascii_uppercase + string.digits
_PROFILE = "default"


@dataclass(frozen=True)
class Seat:
    """The place of one KMS. Its port may be another one after a `down`, so that nothing lasting holds it."""

    folder: Path
    port: int

    @property
    def endpoint(self) -> str:
        """The address of its API."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def keys(self) -> Path:
        """The file with the keys."""
        return self.folder / "keys.json"

    @property
    def credentials(self) -> Path:
        """The login, as AWS clients read it (AWS_SHARED_CREDENTIALS_FILE): no variable holds it."""
        return self.folder / "credentials"

    @property
    def settings(self) -> Path:
        """What AWS clients read beside the login (AWS_CONFIG_FILE)."""
        return self.folder / "config"

    def login(self) -> tuple[str, str]:
        """The access key's id and its secret."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(self.credentials.read_text())
        return parser[_PROFILE]["aws_access_key_id"], parser[_PROFILE]["aws_secret_access_key"]

    def program(self) -> Program:
        """What the supervisor runs; other code is another revision."""
        module = __package__ or ""
        argv = (sys.executable, "-P", "-W", "ignore", "-m", module, str(self.folder), str(self.port))
        return Program(NAME, argv, priority=5, revision=_revision())

    def access(self) -> "kms.Access":
        """How Atoll itself reaches it."""
        from atoll.secrets import kms  # noqa: PLC0415 - boto3 loads for half a second, and most commands need none

        access_key, secret_key = self.login()
        return kms.Access(REGION, self.endpoint, access_key, secret_key)


def seat(environment: Environment) -> Seat:
    """Takes (or takes up again) the place of the environment's KMS, with a login that nobody else knows."""
    folder = files.folder(environment.folder / NAME)
    taken = Seat(folder, Ports(environment).get(NAME))
    with files.locked(folder / "lock"):
        if not taken.credentials.exists():
            files.write(taken.credentials, _login())
        files.write(taken.settings, f"[{_PROFILE}]\nregion = {REGION}\n")
    return taken


def exists(environment: Environment) -> bool:
    """Whether the environment ever had a KMS of its own."""
    return (environment.folder / NAME / "credentials").exists()


def alias(environment: str) -> str:
    """The name of an environment's own key in its KMS."""
    return f"alias/atoll-{environment}"


def _login() -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser[_PROFILE] = {
        # As long as those of AWS, and none of theirs.
        "aws_access_key_id": "ATOLL" + "".join(secrets.choice(_LETTERS) for _ in range(15)),
        "aws_secret_access_key": secrets.token_urlsafe(30),
    }
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _revision() -> str:
    digest = hashlib.sha256(importlib.metadata.version("moto").encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

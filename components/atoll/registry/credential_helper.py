"""The program `docker-credential-atoll`: tells Docker's clients the logins of an environment's registries as they ask.

Source: https://github.com/docker/docker-credential-helpers#development
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from atoll.core.effect import Values
from atoll.core.errors import AtollError, RefusedError
from atoll.host import Environment
from atoll.host.environment import VARIABLE
from atoll.registry import access, docker

_NONE = "credentials not found in native keychain"
"""By these words clients know that there is none."""


def main() -> None:
    """Answers one request."""
    sys.exit(serve(sys.argv[1:], sys.stdin, sys.stdout, os.environ))


def serve(words: list[str], asked: TextIO, answer: TextIO, variables: Mapping[str, str]) -> int:
    """Answers a request on `answer`, problems too, since clients show that; returns the exit code."""
    try:
        known = _known(variables)
        if words == ["list"]:
            found: Values = {address: access.login(each).user for address, each in known.items()}
        elif words == ["get"]:
            address = asked.read().strip().removeprefix("https://").rstrip("/")
            if address not in known:
                answer.write(f"{_NONE}\n")
                return 1
            login = access.login(known[address])
            found = {"ServerURL": address, "Username": login.user, "Secret": login.password}
        else:
            raise RefusedError(
                f"docker-credential-atoll: found {words}; expected get or list (Atoll keeps its registries' logins)"
            )
    except AtollError as error:
        answer.write(f"{error}\n")
        return 1
    answer.write(json.dumps(found) + "\n")
    return 0


def _known(variables: Mapping[str, str]) -> dict[str, Values]:
    """The registries that answer to an address, or none where nobody says which environment is meant."""
    if not variables.get(VARIABLE):
        return {}
    environment = Environment.current()
    return {each["address"]: each for each in docker.registries(environment) if access.exists(each)}

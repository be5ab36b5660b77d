"""How somebody logs in to a registry, and the forms that clients take it in. Pure.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry (dockerconfigjson)
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Login:
    """A login to the registry at an address (`host` or `host:port`).

    `authority` (PEM) is whom to trust for its certificate, empty for those that the machine trusts. `ends` is when the
    password does; None is never.
    """

    address: str
    user: str
    password: str = field(repr=False)
    authority: str = ""
    ends: datetime | None = None


def docker_config(*logins: Login) -> str:
    """The configuration of Docker's clients with logins in it, as a pull secret holds it too."""
    return json.dumps({"auths": {each.address: _entry(each) for each in logins}}, sort_keys=True)


def _entry(login: Login) -> dict[str, str]:
    both = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
    return {"username": login.user, "password": login.password, "auth": both}

"""Sealed values in the inventory of the environment `test`, and what becomes of them."""

import base64
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from atoll.secrets.envelope import WrappingKey
from atoll.secrets.local import seat
from atoll.secrets.message import Context
from e2e.checkout import Checkout

NAME, NAMESPACE = "login", "beacon"
PLAIN = {
    "password": "a sealed password of the test, long enough",
    "user": "a sealed user of the test, as long as that",
}
_ENVIRONMENT = "test"


class Sealed:
    """A checkout whose environment has one sealed secret."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        environment = checkout.environment(_ENVIRONMENT)
        self._log = environment.logs / f"{seat.NAME}.log"
        self._key = WrappingKey.found(seat.seat(environment).access(), seat.alias(_ENVIRONMENT))
        self.engines_calls, _ = self.calls_of(lambda: checkout.report("up", _ENVIRONMENT))
        self.declared = self.declaration(PLAIN)

    def declaration(
        self, plain: dict[str, str], environment: str = _ENVIRONMENT, under: str = ""
    ) -> dict[str, Any]:
        """The section of an inventory, with values sealed for an environment, by its own key or one of its `keys`."""
        sealing = (
            WrappingKey.found(self._key.access, f"alias/atoll-{environment}-{under}") if under else self._key
        )
        values = {
            key: sealing.seal_text(Context("atoll", environment, f"{NAME}/{key}"), value.encode())
            for key, value in plain.items()
        }
        key = {"key": under} if under else {}
        return {NAME: {"namespace": NAMESPACE, "groups": ["all"], "values": values, **key}}

    def instead(self, declared: dict[str, Any], **sections: Any) -> contextlib.AbstractContextManager[None]:
        """The inventory with other sealed secrets, and other sections, for the length of a block."""
        return self.checkout.edited(
            _ENVIRONMENT, lambda values: values.update(sealedSecrets=declared, **sections)
        )

    def found(self, member: str) -> dict[str, str]:
        """What the Secret holds on a member."""
        wanted = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
        }
        live = self.checkout.api(_ENVIRONMENT, member).get(wanted)
        assert live is not None, f"{member} has no Secret"
        return {key: base64.b64decode(value).decode() for key, value in live["data"].items()}

    def calls_of(self, work: Callable[[], Any]) -> tuple[Counter[str], Any]:
        """What the KMS was asked for while something was done, and what came of it."""
        start = len(self._log.read_bytes())
        done = work()
        lines = self._log.read_bytes()[start:].decode().splitlines()
        return Counter(line.split()[0] for line in lines if line.endswith(" 200")), done


@contextlib.contextmanager
def delivered(checkout: Checkout) -> Iterator[Sealed]:
    """The environment with a sealed secret on all its members; afterwards it is as it was."""
    sealed = Sealed(checkout)
    with sealed.instead(sealed.declared):
        assert checkout.report("up", _ENVIRONMENT)["exit"] == 0
        yield sealed
    checkout.report("up", _ENVIRONMENT)

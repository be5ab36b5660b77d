"""What the engine says when its KMS does not open the state, as one line. Pure.

Its own line names neither the key nor what to do, and its exit code is that of any failure.
"""

import re

from atoll.core.errors import UnavailableError

_SAID = re.compile(r"operation error KMS: (?P<call>\w+), (?P<rest>.+)")
"""As the AWS SDK for Go puts it."""
_CODE = re.compile(r"(?P<code>\w+Exception)(: (?P<text>.*))?$")
_SILENT = re.compile(r"request send failed, (?P<text>.+)$")
_EXPECTED = {
    "DisabledException": "an enabled key. Enable it",
    "KMSInvalidStateException": "a key in use. Cancel its deletion, and enable it",
    "AccessDeniedException": "to be allowed to use it. Mend its policy, its grants or the login",
    "UnrecognizedClientException": "a login that it knows. Mend that",
    "NotFoundException": "a key of that name. Mend the name, or bring the key back",
    "InvalidCiphertextException": "the key that encrypted the state. Bring it back",
    "ThrottlingException": "fewer calls at once. Try again later",
}
_ANSWER = "a KMS that answers. Try again later"


def told(provider: str, output: str) -> UnavailableError | None:
    """The error behind the engine's last words, where it is one of the KMS; `provider` is what the state is under."""
    said = _SAID.search(output)
    if said is None:
        return None
    where = f"{provider.partition('?')[0]}: {said['call']}"
    if found := _CODE.search(said["rest"]):
        text = f" ({found['text'].rstrip('.')})" if found["text"] else ""
        expected = _EXPECTED.get(found["code"], _ANSWER)
        return UnavailableError(f"{where}: found {found['code']}{text}; expected {expected}.")
    silent = _SILENT.search(said["rest"])
    return UnavailableError(
        f"{where}: found no answer ({silent['text'] if silent else said['rest']}); expected {_ANSWER}."
    )

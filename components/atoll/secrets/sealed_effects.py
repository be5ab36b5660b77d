"""What stands behind a sealed secret: its values are opened when they changed, and at no other time."""

import base64
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import RefusedError
from atoll.secrets import generated, keys, kms, sealed, sealed_files
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.sealed import Bound
from atoll.secrets.sops import Reader

_OUTPUTS = frozenset({"data", "sources", "revision"})
_OPENERS = 16
_ALIAS_SECONDS = 60
"""An alias may be pointed at another key: for so long at most the old one is taken."""
_MOST_BYTES = 2**20
"""Source: k8s.io/api/core/v1, MaxSecretSize."""


class SealedSecret(Effect):
    """Values that were sealed or made for one name; they lie nowhere but in the state, encrypted."""

    replace_on = frozenset(sealed.IDENTITY)
    secret_outputs = frozenset({"data"})
    outputs = _OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:
        """Everything that can be seen without a key, all values at once."""
        return [*sealed.problems(inputs), *sealed_files.problems(inputs), *generated.problems(inputs)]

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Other contents, other data; where the KMS is, or what the key is called, changes none."""
        return _OUTPUTS if changed & {*generated.CONTENTS} else frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """What was opened stays so."""
        return None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Opens every value."""
        return _opened(inputs, {})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """The truth is in the inventory: there is nothing to compare with, and nobody to ask."""
        return Seen(inputs, outputs) if inputs else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Opens the values that changed."""
        return _opened(inputs, outputs)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Nothing lies outside the state."""


def _opened(inputs: Values, outputs: Values) -> Outcome:
    """All or nothing: one value that does not open leaves the state as it was."""
    if "generated" in inputs:
        sources = generated.sources(inputs, outputs)
        data = generated.data(sources, outputs)
    else:
        sources = sealed.sources(inputs)
        data = dict(sorted((_file if "sops" in inputs else _values)(inputs, sources, outputs).items()))
    if (size := sum(len(base64.b64decode(each)) for each in data.values())) > _MOST_BYTES:
        raise RefusedError(
            f"sealed secret {inputs['name']}: found {size} bytes; expected at most {_MOST_BYTES} (a Secret's limit). "
            "Make it several."
        )
    revision = sealed.revision(sources, data, outputs)
    return Outcome(inputs["name"], {"data": data, "sources": sources, "revision": revision})


def _values(inputs: Values, sources: Mapping[str, str], outputs: Values) -> dict[str, str]:
    """Opens those that were not opened yet, or are others than those that were."""
    values, held, known = inputs["values"], outputs.get("data", {}), outputs.get("sources", {})
    new = {key: values[key] for key in sources if key not in held or sources[key] != known.get(key)}
    data = {key: held[key] for key in values if key not in new}
    return data | _open(inputs, new) if new else data


def _file(inputs: Values, sources: Mapping[str, str], outputs: Values) -> dict[str, str]:
    """Opens the file where it is another one than that which was opened."""
    if outputs.get("data") and sources == outputs.get("sources"):
        return dict(outputs["data"])
    text, form = sealed_files.of(inputs)
    arns = tuple(key.arn for key in _keys(inputs, sealed_files.keys_of(text, form)))
    what = f"sealed secret {inputs['name']}"
    return sealed_files.data(_reader(_access(inputs), arns).open(text, form, what), what)


def _open(inputs: Values, values: Mapping[str, str]) -> dict[str, str]:
    """The data of a Secret, each value opened with one call, many at a time."""
    bound, named = Bound.of(inputs), {name: sealed.keys_of(told) for name, told in values.items()}
    openers = _keys(inputs, {arn for arns in named.values() for arn in arns})
    with ThreadPoolExecutor(min(_OPENERS, len(values))) as pool:
        opening = {
            name: pool.submit(_one(openers, named[name]).open_text, bound.context(name), told)
            for name, told in values.items()
        }
        try:
            return {name: base64.b64encode(each.result()).decode() for name, each in opening.items()}
        except BaseException:
            # Where one cannot be asked about, the others would wait as long in vain.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _keys(inputs: Values, named: Collection[str]) -> list[WrappingKey]:
    """The keys that may open what names these, that of today first; each one for all secrets under it.

    An alias is asked about anew where something names another key than was behind it: a rotation moves it, and the
    keys before it open as long as it goes on.
    """
    access, key = _access(inputs), inputs["key"]
    if arns := sealed.openers(inputs):
        return [_wrapping_key(access, arn) for arn in arns]
    behind = _behind(access, key, int(time.monotonic() // _ALIAS_SECONDS))
    if not {*named} - {behind.arn}:
        return [behind]
    return [_wrapping_key(access, arn) for arn in _rotated(access, key)]


def _rotated(access: kms.Access, alias: str) -> list[str]:
    """The ARNs of the key that an alias points at, and of those before it that still open."""
    today = WrappingKey.found(access, alias)
    with kms.problems(access, alias):
        listed = today.client.list_resource_tags(KeyId=today.arn)["Tags"]
    return [today.arn, *keys.retiring(keys.tags_of(listed))]


def _one(found: Sequence[WrappingKey], named: Collection[str]) -> WrappingKey:
    """The one that a message names; where it names none of them, that of today says so."""
    return next((key for key in found if key.arn in named), found[0])


def _access(inputs: Values) -> kms.Access:
    return kms.Access.current(inputs.get("region"), inputs.get("endpoint"))


@lru_cache(64)
def _behind(access: kms.Access, alias: str, _moment: int) -> WrappingKey:
    """The key that an alias points at, asked once for all secrets of a run."""
    return WrappingKey.found(access, alias)


_wrapping_key = cache(WrappingKey)
_reader = cache(Reader)

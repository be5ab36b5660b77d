"""What patches do with objects that somebody else makes: they need one, and they let go of it.

Source: https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply
"""

from atoll.core.errors import AtollError, RefusedError
from atoll.kubernetes import Api, ApiError, UnreachableError, identities
from atoll.provider.kubernetes import writing
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.state import Saved

_NOT_FOUND = 404
_REQUIRED = "FieldValueRequired"


def must_exist(api: Api, manifest: Manifest) -> Manifest:
    """The live object that a patch changes.

    The server would make one of what a patch names where there is none; nobody would own the rest of it.

    Raises:
        RefusedError: there is none, or it is being deleted.
    """
    live = api.get(manifest)
    if live is None or writing.is_leaving(live):
        found = "no such object" if live is None else "an object that is being deleted"
        raise RefusedError(
            f"{identities.label(manifest)}: found {found}; expected one that exists (a Patch changes some fields of "
            "what somebody else makes). Make it first, or declare the whole object."
        )
    return live


def relinquish(api: Api, saved: Saved) -> None:
    """Gives up the fields that a patch owned; the object stays, and so does what others own too.

    Raises:
        RefusedError: the object needs a field that nobody else owns.
        AtollError: the server refused it.
    """
    live = api.get(saved.live)
    if live is None or not writing.owned(live, saved.manager):
        return
    attempts = api.attempts()
    while True:
        try:
            writing.relinquish(api, live, saved.manager)
        except UnreachableError as error:
            if not attempts.another(error):
                raise
            continue
        except ApiError as error:
            if error.code != _NOT_FOUND and attempts.another(error):
                continue
            if error.code != _NOT_FOUND:
                raise _kept(live, error) from error
        return


def _kept(live: Manifest, error: ApiError) -> AtollError:
    """Why a patch cannot be let go of."""
    causes = (error.status.get("details") or {}).get("causes") or []
    needed = [str(cause.get("field")) for cause in causes if cause.get("reason") == _REQUIRED]
    label = identities.label(live)
    if needed:
        return RefusedError(
            f"{label}: found a patch that alone owns what the object needs ({', '.join(needed)}); expected another "
            "owner of it. Set the resource option retain_on_delete, or hand the field over first."
        )
    return AtollError(f"{label}: the API server refused to let go of the patch: {error}")

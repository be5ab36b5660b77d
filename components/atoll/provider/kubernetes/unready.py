"""The annotation `pulumi.com/replaceUnready`: a Job that is not ready is made anew rather than waited for again.

Source: https://www.pulumi.com/registry/packages/kubernetes/api-docs/batch/v1/job
"""

from atoll.core.errors import AtollError
from atoll.kubernetes import identities
from atoll.provider import values
from atoll.provider.diffs import Change
from atoll.provider.kubernetes import annotations, readiness
from atoll.provider.kubernetes.connection import Connection
from atoll.provider.kubernetes.manifests import Manifest

_PATH: values.Path = ("metadata", "annotations", annotations.REPLACE_UNREADY)
_JOB = ("batch", "Job")


def changes(connection: Connection, live: Manifest) -> list[tuple[values.Path, Change, bool]]:
    """The change that replaces an unready Job; none where it is ready, is no Job, or where nobody can tell.

    `live` is the object as it was last seen.
    """
    rule = readiness.of_itself(_JOB)
    if rule is None or identities.group_kind(live) != _JOB or not connection.known:
        return []
    try:
        found = connection.api.get(live)
    except AtollError:
        return []
    return [(_PATH, Change.UPDATE, True)] if found is not None and not rule(found).ready else []

"""What a key of the inventory is made of, in the words of its component. Pure."""

from atoll.platform import inventory
from atoll.secrets import Grant, KeyArgs, KeySpec


def of(settings: inventory.Key) -> KeyArgs:
    """The KMS itself is the engine's to find: the environment decides for all that its variables say."""
    args = KeyArgs(
        alias=settings.alias,
        description=settings.description,
        enabled=settings.enabled,
        grants={name: _grant(grant) for name, grant in settings.grants.items()},
        tags=settings.tags,
        deletion_days=settings.deletion_window.days,
        spec=KeySpec(settings.spec),
        multi_region=settings.multi_region,
        protect=settings.protect,
        retain=settings.retain,
    )
    if settings.rotation:
        args["rotation_days"] = settings.rotation.days
    if settings.policy is not None:
        args["policy"] = settings.policy
    if settings.existing:
        args["import_id"] = settings.existing
    return args


def _grant(settings: inventory.Grant) -> Grant:
    args = Grant(
        grantee=settings.grantee,
        operations=[*settings.operations],
        encryption_context_equals=settings.encryption_context_equals,
        encryption_context_subset=settings.encryption_context_subset,
    )
    if settings.retiring:
        args["retiring"] = settings.retiring
    return args

"""Between the keys of moto's model and those of the file."""

import base64
from collections.abc import Mapping
from typing import Any

from moto.core.utils import unix_time, utcfromtimestamp
from moto.kms import models
from moto.kms.models import Alias, Grant, Key

from atoll.secrets.local import states
from atoll.secrets.local.keeping import StoredKey
from atoll.secrets.local.seat import REGION

ACCOUNT = "123456789012"
# A symmetric key never uses the RSA key that moto makes for it: half a second on a busy machine.
models.generate_private_key = lambda _spec: None


def stored(key: Key) -> StoredKey:
    """A key of moto's as the file has it, without what moto keeps apart from it or not at all."""
    return StoredKey(
        id=key.id,
        material=base64.b64encode(key.key_material).decode(),
        created=key.creation_date,
        state=key.key_state,
        policy=key.policy,
        description=key.description,
        deletion=unix_time(key.deletion_date) if key.deletion_date else None,
        rotates=key.key_rotation_status,
        rotations=list(key.rotations),
        aliases=sorted(key.aliases),
        grants=[{**grant.to_json(), "GrantToken": grant.token} for grant in key.grants.values()],
    )


def restored(stored: StoredKey) -> Key:
    """A key of the file as moto has it."""
    # Its constructor makes a new one.
    key = object.__new__(Key)
    key.__dict__ |= {
        "id": stored.id,
        "arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{stored.id}",
        "account_id": ACCOUNT,
        "region": REGION,
        "creation_date": stored.created,
        "policy": stored.policy,
        "key_usage": states.ONLY["KeyUsage"],
        "key_spec": states.ONLY["KeySpec"],
        "origin": states.ONLY["Origin"],
        "multi_region": False,
        "key_manager": "CUSTOMER",
        "key_state": stored.state,
        "enabled": stored.state == states.ENABLED,
        "description": stored.description,
        "deletion_date": utcfromtimestamp(stored.deletion) if stored.deletion else None,
        "key_rotation_status": stored.rotates,
        "key_material": base64.b64decode(stored.material, validate=True),
        "rotations": list(stored.rotations),
        "aliases": {},
        "grants": {},
    }
    key.aliases = {name: Alias(ACCOUNT, REGION, name, key) for name in stored.aliases}
    key.grants = {grant["GrantId"]: _grant(grant) for grant in stored.grants}
    return key


def _grant(stored: Mapping[str, Any]) -> Grant:
    told = ("KeyId", "Name", "GranteePrincipal", "Operations", "Constraints", "RetiringPrincipal")
    grant = Grant(*(stored[name] for name in told))
    grant.id, grant.token = stored["GrantId"], stored["GrantToken"]
    return grant

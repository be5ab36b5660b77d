"""Which effect stands behind each resource class of Atoll's own provider."""

import importlib
from functools import cache
from typing import cast

from atoll.core.effect import Effect
from atoll.core.errors import ArgsError

EFFECTS = {
    "BundleDelivery": "atoll.federation.bundle_effects:BundleDelivery",
    "ChartControlPlane": "atoll.federation.chart.effects:ChartControlPlane",
    "ChartPublication": "atoll.provider.charts:publication",
    "ChartValues": "atoll.provider.charts:values",
    "CopiedImage": "atoll.registry.copy_effects:CopiedImage",
    "EcrRegistry": "atoll.registry.ecr_effects:EcrRegistry",
    "EcrRepository": "atoll.registry.ecr_effects:EcrRepository",
    "ExistingCluster": "atoll.cluster.effects:ExistingCluster",
    "KmsKey": "atoll.secrets.key_effects:KmsKey",
    "ImageBuilder": "atoll.registry.builder_effects:ImageBuilder",
    "KanikoImage": "atoll.registry.kaniko_effects:KanikoImage",
    "LocalCluster": "atoll.cluster.effects:LocalCluster",
    "LocalControlPlane": "atoll.federation.local.effects:LocalControlPlane",
    "LocalRegistry": "atoll.registry.local_effects:LocalRegistry",
    "MemberAccess": "atoll.federation.joining_effects:MemberAccess",
    "MemberStatus": "atoll.federation.member_effects:MemberStatus",
    "OciRepository": "atoll.registry.local_effects:OciRepository",
    "PropagationStatus": "atoll.federation.delivery_effects:PropagationStatus",
    "PullSecret": "atoll.registry.pull_secret_effects:PullSecret",
    "RegistryLogins": "atoll.registry.helm_logins_effects:RegistryLogins",
    "ReleasedObjects": "atoll.charts.release_effects:ReleasedObjects",
    "RenderedChart": "atoll.provider.charts:rendered",
    "SealedSecret": "atoll.secrets.sealed_effects:SealedSecret",
}
"""By class name, where the effect is: `module:attribute`; imported when first needed, so that starting is fast.

The attribute is an effect's class, or a function without arguments that makes one.
"""


@cache
def effect(class_name: str) -> Effect:
    """The effect behind a resource class."""
    if class_name not in EFFECTS:
        known = ", ".join(sorted(EFFECTS)) or "none"
        raise ArgsError(f"atoll:index:{class_name}: found no such resource; expected one of: {known}")
    module, _, attribute = EFFECTS[class_name].partition(":")
    return cast("Effect", getattr(importlib.import_module(module), attribute)())

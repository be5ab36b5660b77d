"""Many clusters as one: a Karmada control plane, its members, and what is propagated to them."""

from atoll.federation.concealed import Concealed
from atoll.federation.control_plane import ControlPlane, ControlPlaneArgs
from atoll.federation.member import Member, MemberArgs
from atoll.federation.propagation import Override, Patch, Propagation, PropagationArgs

__all__ = [
    "Concealed",
    "ControlPlane",
    "ControlPlaneArgs",
    "Member",
    "MemberArgs",
    "Override",
    "Patch",
    "Propagation",
    "PropagationArgs",
]

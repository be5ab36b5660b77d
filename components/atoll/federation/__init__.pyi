from .bundle import Bundle, BundleArgs
from .concealed import Concealed
from .control_plane import ControlPlane, ControlPlaneArgs
from .member import Member, MemberArgs
from .propagation import Override, Patch, Propagation, PropagationArgs
from .works import ConflictResolution

__all__ = [
    "Bundle",
    "BundleArgs",
    "Concealed",
    "ConflictResolution",
    "ControlPlane",
    "ControlPlaneArgs",
    "Member",
    "MemberArgs",
    "Override",
    "Patch",
    "Propagation",
    "PropagationArgs",
]

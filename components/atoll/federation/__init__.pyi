from .concealed import Concealed
from .control_plane import ControlPlane, ControlPlaneArgs
from .member import Member, MemberArgs
from .propagation import Override, Patch, Propagation, PropagationArgs

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

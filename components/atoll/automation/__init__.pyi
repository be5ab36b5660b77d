from .reports import Report
from .selection import Asked
from .stack import Stack

__all__ = ["Asked", "Report", "Stack"]

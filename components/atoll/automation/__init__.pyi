from .reports import Report
from .stack import Stack

__all__ = ["Report", "Stack"]

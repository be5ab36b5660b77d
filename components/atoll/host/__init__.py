"""What runs on this machine for one environment: its folder, its ports, its supervised processes."""

from atoll.host.description import Program
from atoll.host.environment import Environment
from atoll.host.ports import Ports
from atoll.host.supervisor import Process, Supervisor

__all__ = ["Environment", "Ports", "Process", "Program", "Supervisor"]

"""A simulated Ignition gateway: its HTTP interface as measured, over time, with faults on demand.

It imports nothing else of the toolkit, so that it cannot agree with the client by accident.
"""

from ignition_toolkit.simulator.faults import Fault, FaultKind
from ignition_toolkit.simulator.gateway import DEFAULT_TOKEN, SimulatedGateway
from ignition_toolkit.simulator.journal import Act
from ignition_toolkit.simulator.lifecycle import Phase
from ignition_toolkit.simulator.listener import CannotListen
from ignition_toolkit.simulator.module_files import make_module
from ignition_toolkit.simulator.request_log import Entry
from ignition_toolkit.simulator.saving import StateFileUnusable
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.threads import serving_in_thread
from ignition_toolkit.simulator.visitors import VisitorKind

__all__ = [
    "DEFAULT_TOKEN",
    "Act",
    "CannotListen",
    "Entry",
    "Fault",
    "FaultKind",
    "Phase",
    "Settings",
    "SimulatedGateway",
    "StateFileUnusable",
    "VisitorKind",
    "make_module",
    "serving_in_thread",
]

"""Simulated worlds with known truth, for tests, demonstration and benchmarks. Whatever shows them says "simulated"."""

from trialflow.simulation.events import expected_total
from trialflow.simulation.simulate import SimulatedDay, simulate, write
from trialflow.simulation.specification import Arm, Behaviour, Change, Late, Loss, Shares, SimulationSpec

__all__ = [
    "Arm",
    "Behaviour",
    "Change",
    "Late",
    "Loss",
    "Shares",
    "SimulatedDay",
    "SimulationSpec",
    "expected_total",
    "simulate",
    "write",
]

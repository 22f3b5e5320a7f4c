"""Checks: (promise, summary, history) → finding and looks. Pure functions, one file each; they judge, nothing more."""

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status, worst
from trialflow.checks.history import Checked, History

__all__ = ["Checked", "Comparison", "Finding", "History", "Status", "worst"]

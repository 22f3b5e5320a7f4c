"""Decision: findings weighed by the promised rules into one verdict."""

from trialflow.decision.decision import Decision, HoldReason, Reason, Verdict
from trialflow.decision.due import dues
from trialflow.decision.facts import Due, Facts
from trialflow.decision.weigh import weigh

__all__ = ["Decision", "Due", "Facts", "HoldReason", "Reason", "Verdict", "dues", "weigh"]

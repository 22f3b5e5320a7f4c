"""Decision: findings weighed by the promised rules into one verdict, and the signature under it."""

from trialflow.decision.choices import Choice, choices, recommended
from trialflow.decision.decision import Decision, Reason
from trialflow.decision.due import dues
from trialflow.decision.facts import Due, Facts
from trialflow.decision.signature import FollowUp, Signature
from trialflow.decision.verdict import HoldReason, Verdict
from trialflow.decision.weigh import weigh

__all__ = [
    "Choice",
    "Decision",
    "Due",
    "Facts",
    "FollowUp",
    "HoldReason",
    "Reason",
    "Signature",
    "Verdict",
    "choices",
    "dues",
    "recommended",
    "weigh",
]

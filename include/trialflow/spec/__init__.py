"""What was promised: experiments, metrics and sources as people write them, checked at the door and locked by a hash.

`fingerprint.py` and `amendment.py` hold functions named like things stored elsewhere; import them from their modules.
"""

from trialflow.spec.admission import admit, admit_form
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Experiment, Policy, Role
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.metric import Direction, Metric, MetricKind
from trialflow.spec.parsing import dump, parse_experiment, parse_metric, parse_source
from trialflow.spec.promise import MetricPlan, Plan, Promise
from trialflow.spec.rules import problems_of
from trialflow.spec.source import CompleteBy, Grain, MomentsSource, UnitSource

__all__ = [
    "Catalog",
    "CompleteBy",
    "Direction",
    "Experiment",
    "Grain",
    "Look",
    "LookPurpose",
    "Metric",
    "MetricKind",
    "MetricPlan",
    "MomentsSource",
    "Plan",
    "Policy",
    "Promise",
    "Role",
    "UnitSource",
    "admit",
    "admit_form",
    "dump",
    "parse_experiment",
    "parse_metric",
    "parse_source",
    "problems_of",
]

"""What a page tells when the warehouse did not answer: the cause goes to the log, for those who may know it."""

from __future__ import annotations

import logging

from trialflow.errors import TrialflowError

LOG = logging.getLogger(__name__)
WHERE = "who runs Airflow finds the cause in the API server's log"


def public_reason(error: TrialflowError) -> str:
    """The error's public text; where it keeps something back, the whole is logged and the text says where to look."""
    if error.public == str(error):
        return error.public
    LOG.warning("%s", error)
    return f"{error.public}; {WHERE}"

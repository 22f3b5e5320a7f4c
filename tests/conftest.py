"""What all tests share: examples that are the same every time, so that a gate never fails by luck."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("exploring", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("TRIALFLOW_HYPOTHESIS", "repeatable"))

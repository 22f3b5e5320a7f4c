from __future__ import annotations

import pytest

from trialflow.overview.days import short_days


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("crossed on 2026-01-28 (step 3).", "crossed on 28 Jan 2026 (step 3)."),
        ("1 to 14 March 2014", "1 to 14 Mar 2014"),
        ("28 February to 3 March 2014", "28 Feb to 3 Mar 2014"),
        ("units active up to 2026-01-04T10:00", "units active up to 2026-01-04T10:00"),
        ("It may rain, 31 of 100 times", "It may rain, 31 of 100 times"),
        ("key 2026-01-28-7", "key 2026-01-28-7"),
    ],
)
def test_days_are_written_short_and_nothing_else_changes(told: str, shown: str) -> None:
    assert short_days(told) == shown

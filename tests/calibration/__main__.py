"""The full form: run every study, write what was found, and fail if a promise is broken.

`make calibrate ARGS="daily cuped"` runs only the studies whose names begin so and keeps the others as published.
"""

from __future__ import annotations

import multiprocessing
import sys
import time

from tests.calibration import published, report
from tests.calibration.study import all_studies, broken, measure

WORKERS = 2


def main() -> int:
    """Run, write, complain."""
    started = time.monotonic()
    studies, wanted = all_studies(), tuple(sys.argv[1:])
    places = [place for place, study in enumerate(studies) if not wanted or study.name.startswith(wanted)]
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        fresh = dict(zip(places, pool.map(measure, places, chunksize=1), strict=True))
    kept = published.read() if wanted else {}
    found = [
        fresh[place] if place in fresh else tuple(kept[published.key(study, rate)] for rate in study.rates)
        for place, study in enumerate(studies)
    ]
    published.write(zip(studies, found, strict=True))
    rates = published.read()
    report.TABLE.write_text(report.table(studies, rates), encoding="utf-8")
    report.draw(studies, rates)
    faults = [
        f"{study.data}: {fault}"
        for study, measured in zip(studies, found, strict=True)
        for rate, one in zip(study.rates, measured, strict=True)
        if (fault := broken(rate, one))
    ]
    count = sum(len(study.rates) for study in studies)
    print(
        f"{len(places)} of {len(studies)} studies, {count} rates in {time.monotonic() - started:.0f} s -> {report.TABLE}"
    )
    print("\n".join(faults) if faults else "every promise is kept")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

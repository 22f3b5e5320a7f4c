"""The full form: run every study, write what was found, and fail if a promise is broken."""

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
    studies = all_studies()
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        found = pool.map(measure, range(len(studies)), chunksize=1)
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
    print(f"{len(studies)} studies, {count} rates in {time.monotonic() - started:.0f} s -> {report.TABLE}")
    print("\n".join(faults) if faults else "every promise is kept")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""The full form: run every study, write what was found, and fail if a promise is broken.

`make calibrate ARGS="daily cuped"` runs only the studies whose names begin so, and those that have not been published, and
keeps the others as published; `ARGS=missing` runs only the latter. What has been found is kept from study to study, so
that a run that was broken off goes on with `ARGS=missing`.
"""

from __future__ import annotations

import multiprocessing
import sys
import time

from tests.calibration import published, report
from tests.calibration.study import Measured, Study, all_studies, broken, measure

WORKERS = 2
MISSING = "missing"

Found = dict[int, tuple[Measured, ...]]


def main() -> int:
    """Run, write, complain."""
    started = time.monotonic()
    studies, wanted = all_studies(), tuple(sys.argv[1:])
    found = _kept(studies, wanted) if wanted else {}
    places = [place for place in range(len(studies)) if place not in found]
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for place, measured in pool.imap_unordered(measure, places):
            found[place] = measured
            published.write([(studies[at], found[at]) for at in sorted(found)])
    faults = _pages(studies)
    count = sum(len(study.rates) for study in studies)
    print(
        f"{len(places)} of {len(studies)} studies, {count} rates in {time.monotonic() - started:.0f} s -> {report.TABLE}"
    )
    print("\n".join(faults) if faults else "every promise is kept")
    return 1 if faults else 0


def _kept(studies: tuple[Study, ...], wanted: tuple[str, ...]) -> Found:
    """Published rates by the place of their study, but for those that are wanted again."""
    rates = published.read()
    return {
        place: tuple(rates[published.key(study, rate)] for rate in study.rates)
        for place, study in enumerate(studies)
        if not study.name.startswith(wanted) and all(published.key(study, rate) in rates for rate in study.rates)
    }


def _pages(studies: tuple[Study, ...]) -> list[str]:
    """Write what shows the published rates; the promises that they break."""
    rates = published.read()
    report.TABLE.write_text(report.table(studies, rates), encoding="utf-8")
    page = report.with_rows(report.STATISTICS.read_text(encoding="utf-8"), studies, rates)
    report.STATISTICS.write_text(page, encoding="utf-8")
    report.draw(studies, rates)
    found = (
        (study, rate, broken(rate, rates[published.key(study, rate)])) for study in studies for rate in study.rates
    )
    return [f"{study.data}: {fault}" for study, _, fault in found if fault]


if __name__ == "__main__":
    sys.exit(main())

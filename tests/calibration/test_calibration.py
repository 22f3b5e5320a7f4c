"""The short form: the first block of every study, against its promise and against the published table."""

import pytest

from tests.calibration import figure
from tests.calibration.published import key, read
from tests.calibration.report import ROW, STATISTICS, TABLE, table, with_rows
from tests.calibration.study import Claim, Measured, Rate, all_studies, broken

STUDIES = all_studies()
SHORT = [study for study in STUDIES if study.short]
PUBLISHED = read()
# Another processor may round a statistic that lies on its boundary the other way; a changed method moves far more.
FLIPS = 2.0


@pytest.mark.parametrize("study", SHORT, ids=[study.name for study in SHORT])
def test_rates_are_as_promised_and_as_published(study):
    for rate, outcomes in zip(study.rates, study.outcomes(1), strict=True):
        measured = Measured.of(outcomes, study.block)
        published = PUBLISHED[key(study, rate)]
        assert not broken(rate, measured)
        assert measured.first == pytest.approx(published.first, abs=FLIPS, rel=0.0), f"{rate.method}: make calibrate"


def test_every_published_rate_keeps_its_promise():
    faults = [broken(rate, PUBLISHED[key(study, rate)]) for study in STUDIES for rate in study.rates]
    assert not [fault for fault in faults if fault]


def test_what_is_published_is_what_is_measured():
    assert list(PUBLISHED) == [key(study, rate) for study in STUDIES for rate in study.rates]


def test_every_method_is_measured_on_every_kind_of_data():
    cells = figure.cells(figure.errors(STUDIES, PUBLISHED))
    empty = {
        (row[0], column.replace("\n", " "))
        for row, line in zip(figure.ROWS, cells, strict=True)
        for column, cell in zip(figure.COLUMNS, line, strict=True)
        if cell is None
    }
    assert empty == {("two shares, unpooled", "heavy tails")}  # a share has no tails


@pytest.mark.parametrize(
    ("data", "column"),
    [
        ("normal, 500 / 500", 0),
        ("lognormal(1.5), 50 + 50 a day", 1),
        ("90 % of units without views, 1000 / 1000", 2),
        ("normal, 4 × 8", 3),
        ("normal with CUPED, 5 + 5 a day", 3),
        ("normal, 3 × 950 + 50, spread 1 : 2", 4),
        ("95 % zeros, 90 + 10 a day", 5),
        ("exponential, 50 + 50 a day", None),
    ],
)
def test_the_figure_knows_kinds_of_data_by_their_names(data, column):
    assert figure.column(data) == column


def test_the_table_of_the_docs_is_that_of_the_published_rates():
    assert TABLE.read_text(encoding="utf-8") == table(STUDIES, PUBLISHED)


def test_the_page_of_the_methods_says_what_was_measured():
    page = STATISTICS.read_text(encoding="utf-8")
    assert page == with_rows(page, STUDIES, PUBLISHED)
    assert {place[1] for place in ROW.finditer(page)} == {row[0] for row in figure.ROWS}


def test_a_wrong_rate_would_be_found():
    rate = Rate(method="m", quantity="type I error", promised=0.05)
    sound = Measured(value=0.052, runs=20_000, error=0.0016, first=1.0)
    assert not broken(rate, sound)
    assert broken(rate, Measured(value=0.06, runs=20_000, error=0.0016, first=1.0))
    planned = Rate(method="m", quantity="power", promised=0.8, claim=Claim.PLANNED)
    assert not broken(planned, Measured(value=0.809, runs=40_000, error=0.002, first=1.0))
    assert broken(planned, Measured(value=0.811, runs=40_000, error=0.002, first=1.0))

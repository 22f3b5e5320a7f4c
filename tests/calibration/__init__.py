"""Calibration: how often every method errs on simulated data, beside how often it says it does.

`python -m tests.calibration` runs all of it and writes docs/calibration.md, its figure, the rows of docs/statistics.md and
`published.csv`; the first block of every study is also the short form that the test suite runs against that file.
"""

"""Trialflow: the life of an online experiment, from promise to verdict.

An experiment is summarised in the warehouse, checked into findings, weighed into a decision and told in a memo.
This package never imports Airflow; the DAGs only decide when its stages run.
"""

__version__ = "0.1.0"

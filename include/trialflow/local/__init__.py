"""Trialflow on one machine: Airflow standalone as a child, and the replay of the sample experiments through it.

Airflow is never imported here. It runs as a process from the same environment and is spoken to by REST.
"""

"""Stages: one function per stage of a life. Load → summarise → check → record → tell; what an operator calls.

Nothing is imported here, so that a caller pays only for the stage it runs.
"""

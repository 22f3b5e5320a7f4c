"""Simulated worlds have the truth they claim."""

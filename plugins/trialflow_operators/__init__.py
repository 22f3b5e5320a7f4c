"""Thin operators over `trialflow.stages`: no arithmetic, no SQL, no judgment of their own."""

"""The sections of the decision memo, one module for each question a reader asks."""

"""The deployment files, linted and, where that needs no Docker engine, run."""

"""A real browser before a real Airflow: `make e2e`. Not collected by `make test`."""

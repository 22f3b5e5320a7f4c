"""The Experiments pages inside Airflow's UI: rendered on the server, read only, behind Airflow's own login."""

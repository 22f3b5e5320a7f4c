#!/usr/bin/env bash
# Runs once, when PostgreSQL starts on an empty volume: one database and one owner for Airflow's metadata, another pair
# for the registry, neither able to connect to the other's. \getenv keeps the passwords off every command line.
set -euo pipefail

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER}" --dbname postgres <<'SQL'
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv trialflow_password TRIALFLOW_DB_PASSWORD

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE DATABASE airflow OWNER airflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE airflow FROM PUBLIC;

CREATE ROLE trialflow LOGIN PASSWORD :'trialflow_password';
CREATE DATABASE trialflow OWNER trialflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE trialflow FROM PUBLIC;
SQL

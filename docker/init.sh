#!/usr/bin/env bash
# Runs before every start of the stack and may run any number of times: each step is a no-op when nothing is to be done.
# Both migrations refuse a database that is newer than this image, and then nothing else starts.
set -euo pipefail

echo "trialflow-init: Airflow's metadata"
airflow db check
airflow db migrate

echo "trialflow-init: the registry"
trialflow registry migrate

echo "trialflow-init: the sample experiments' data"
trialflow samples

echo "trialflow-init: the pool that heavy tasks share, and the one for posting"
airflow pools set trialflow "${TRIALFLOW_POOL_SLOTS}" "Tasks that query the warehouse; the slots bound their memory"

echo "trialflow-init: the first login"
python "$(dirname "${BASH_SOURCE[0]}")/set_admin_password.py"

echo "trialflow-init: done"

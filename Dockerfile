# Trialflow on the official Airflow image. Everything the product needs stands in one virtual environment of its own, made
# from the locked requirements: it is the environment the tests ran in, not a mixture with the image's own providers.
FROM apache/airflow:3.3.2-python3.11

# Folders that become named volumes must exist in the image and belong to the user, or a fresh volume belongs to root.
USER root
RUN install --directory --owner=airflow --group=root --mode=0775 \
        /opt/trialflow /opt/trialflow/venv /opt/trialflow/lake /opt/trialflow/memos \
        /opt/trialflow/auth /opt/airflow/logs
USER airflow

ENV PATH="/opt/trialflow/venv/bin:${PATH}" \
    PYTHONPATH="/opt/trialflow/include" \
    PYTHONUNBUFFERED="1" \
    MPLBACKEND="Agg"

# The lock is complete, so nothing is resolved here (--no-deps) and `pip check` proves it. pip writes bytecode, which
# makes `import airflow` 1.5 s instead of 4 s. PIP_USER is set by some base images and is refused inside an environment.
COPY --chown=airflow:root requirements.txt /opt/trialflow/requirements.txt
RUN python -m venv /opt/trialflow/venv \
    && PIP_USER=false /opt/trialflow/venv/bin/python -m pip install --no-cache-dir --no-deps \
        --requirement /opt/trialflow/requirements.txt \
    && /opt/trialflow/venv/bin/python -m pip check

# A warehouse dialect, another auth manager or executor: `--build-arg EXTRA_PACKAGES="trino==0.340.0"`. The lock is the
# constraint, so an extra package cannot move a locked version. Always give its version: without one, an installer may
# satisfy the lock with a release that is years old. docs/deployment.md says which fit and what to do with the others.
ARG EXTRA_PACKAGES=""
RUN if [ -n "${EXTRA_PACKAGES}" ]; then \
        PIP_USER=false python -m pip install --no-cache-dir --constraint /opt/trialflow/requirements.txt ${EXTRA_PACKAGES} \
        && python -m pip check; \
    fi

COPY --chown=airflow:root --chmod=0755 docker/trialflow /opt/trialflow/venv/bin/trialflow
COPY --chown=airflow:root docker/init.sh docker/set_admin_password.py /opt/trialflow/docker/
COPY --chown=airflow:root dags /opt/trialflow/dags
COPY --chown=airflow:root plugins /opt/trialflow/plugins
COPY --chown=airflow:root include /opt/trialflow/include

# A broken image fails here and not at midnight. The scratch home keeps Airflow's generated secrets out of the image.
RUN python -m compileall -q /opt/trialflow/include /opt/trialflow/plugins /opt/trialflow/dags \
    && AIRFLOW_HOME=/tmp/smoke airflow version \
    && trialflow --help > /dev/null \
    && rm -rf /tmp/smoke

WORKDIR /opt/trialflow

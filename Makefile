# Trialflow on this machine. Needs Python 3.11 with venv, make and git; everything else goes into .venv and .trialflow.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PRODUCT := $(VENV)/.product
DEVELOPMENT := $(VENV)/.development
BENCH := .venv-bench

# A checkout that was moved or copied keeps the old paths in its environment: make it anew there.
ifneq ($(shell cat $(VENV)/.made-in 2>/dev/null),$(CURDIR))
.PHONY: $(PRODUCT)
endif

.PHONY: help
help: ## Explain every target
	@echo "Trialflow: online experiments on an ML model, run by Airflow on this machine."
	@echo
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)$$/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done
	@echo
	@echo "First time? \`make demo\`, then open the address it prints. State lies below .trialflow/, packages below .venv/."
	@echo "Settings: TRIALFLOW_PORT=8080 (another is chosen when it is taken), TRIALFLOW_ADMIN_PASSWORD (else made up and"
	@echo "kept below .trialflow/), TRIALFLOW_HOME=.trialflow, PYTHON=/path/to/python3.11."

# --- Use ----------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(PRODUCT) ## Run the sample experiments' whole lives on real Airflow, then stay up (ONCE=1: stop and exit)
	@$(BIN)/trialflow demo $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: up
up: $(PRODUCT) ## Start Airflow for daily use in the foreground; Ctrl-C stops it
	@$(BIN)/trialflow up

.PHONY: down
down: ## Stop the Airflow of this checkout, wherever it was started
	@if [ -x $(BIN)/trialflow ]; then $(BIN)/trialflow down; else echo "nothing is running"; fi

.PHONY: clean
clean: down ## Stop, then remove what was recorded and downloaded: .trialflow, .trialflow-e2e, build, .venv and caches
	rm -rf .trialflow .trialflow-e2e build $(VENV) $(BENCH) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis include/*.egg-info
	find dags plugins include tests -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Work on it ---------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(DEVELOPMENT) ## Make .venv with the product, the tests' and the linters' packages

.PHONY: test
test: $(DEVELOPMENT) ## Run all tests (ARGS="-k srm" for some)
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: e2e
e2e: $(DEVELOPMENT) ## Test the pages in a real browser before a real Airflow; pictures in .trialflow-e2e/ (minutes; PICTURES=1 renews the README's)
	@$(BIN)/python -m tests.e2e.browser
	@PYTHONPATH=include:plugins TRIALFLOW_PICTURES=$(PICTURES) $(BIN)/python -m pytest tests/e2e -p no:xdist -o timeout=1200 --capture=no $(ARGS)

.PHONY: calibrate
calibrate: $(DEVELOPMENT) ## Simulate how often every method errs; writes docs/calibration.md and its figure (a quarter of an hour; ARGS="daily" for some, ARGS=missing for new ones)
	@PYTHONPATH=include $(BIN)/python -m tests.calibration $(ARGS)

.PHONY: bench
bench: $(BENCH)/.installed ## Time the statistics beside other libraries; writes docs/benchmarks.md (minutes)
	@PYTHONPATH=include:bench $(BENCH)/bin/python bench/run.py

.PHONY: bench-pages
bench-pages: $(DEVELOPMENT) ## Time the pages over 500 experiments of 90 days; writes docs/benchmarks.md (minutes, 1 GB below build/)
	@PYTHONPATH=include:plugins $(BIN)/python -m bench.pages

.PHONY: check
check: $(DEVELOPMENT) ## Lint, format, types (strict) and floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: run $(BIN)/ruff format"; exit 1; }
	@$(BIN)/mypy
	@PYTHONPATH=include:plugins $(BIN)/lint-imports

.PHONY: schema
schema: $(PRODUCT) ## Write the JSON Schemas of experiment, metric and source files again
	@$(BIN)/trialflow schema

.PHONY: golden
golden: $(DEVELOPMENT) ## Write the golden files again; read the diff before committing it
	@TRIALFLOW_REGENERATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/memo tests/samples/test_memos.py tests/warehouse/test_sql_text.py $(ARGS)
	@git status --short -- tests

.PHONY: lock
lock: $(PRODUCT) ## Resolve requirements.txt and requirements-dev.txt from pyproject.toml again (ARGS=--upgrade for newer ones)
	$(UV) pip compile --quiet --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 $(ARGS) \
		--extra airflow --output-file requirements.txt pyproject.toml
	$(UV) pip compile --quiet --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 $(ARGS) \
		--extra airflow --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	$(UV) pip compile --quiet --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 $(ARGS) \
		--output-file requirements-bench.txt bench/requirements.in

# --- The environment ----------------------------------------------------------------------------------------------

# uv writes no bytecode unless told to, and `import airflow` takes 4 s without it instead of 1.5 s.
INSTALL := $(UV) pip install --quiet --python $(BIN)/python --compile-bytecode

$(PRODUCT): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
		echo "Trialflow needs Python 3.11, and '$(PYTHON)' is not that (or not there)."; \
		echo "  Debian 12:  sudo apt-get install python3.11 python3.11-venv"; \
		echo "  elsewhere:  https://www.python.org/downloads/, or \`uv python install 3.11\`; then: make PYTHON=/path/to/python3.11 …"; \
		exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments: its modules venv and ensurepip are missing."; \
		echo "  Debian, Ubuntu:  sudo apt-get install python3.11-venv"; \
		exit 1; } >&2
	@if [ "$$(cat $(VENV)/.made-in 2>/dev/null)" != "$(CURDIR)" ] || [ ! -x $(UV) ]; then \
		echo "Making $(VENV) with $$($(PYTHON) --version) …"; \
		$(PYTHON) -m venv --clear $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check uv; \
		printf '%s\n' "$(CURDIR)" > $(VENV)/.made-in; \
	fi
	@echo "Installing the locked packages of requirements.txt (about 1 GB; the first time takes a minute) …"
	@$(INSTALL) --requirement requirements.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(DEVELOPMENT): $(PRODUCT) requirements-dev.txt
	@echo "Installing the tests' and linters' packages of requirements-dev.txt …"
	@$(INSTALL) --requirement requirements-dev.txt
	@touch $@

$(BENCH)/.installed: requirements-bench.txt $(PRODUCT)
	@echo "Installing the other libraries of requirements-bench.txt into $(BENCH) …"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(BENCH)
	@$(UV) pip install --quiet --python $(BENCH)/bin/python --requirement requirements-bench.txt
	@touch $@

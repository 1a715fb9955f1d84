# The commands of every day: make run, make test, make fmt, make check. Each is safe to repeat.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The newest Python that the locked packages support; choose another with `make run PYTHON=/path/to/python3.12`.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2> /dev/null; \
	then echo $$python; break; fi; done)

VENV := .venv
BIN := $(VENV)/bin
UV := UV_PROJECT_ENVIRONMENT=$(VENV) VIRTUAL_ENV=$(VENV) $(BIN)/uv
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
SOURCES := $(wildcard dags include plugins config tests)

INSTALLER := $(VENV)/.installer
INSTALLED := $(VENV)/.installed
INSTALLED_SPARK := $(VENV)/.installed-spark
INSTALLED_DEV := $(VENV)/.installed-dev
SITE := .site/index.html

.PHONY: help run spark test faults fmt check lock airflow load chaos fuzz soak stationary bench backup restore secrets docs release-test containers-test

help:  ## Say what there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 17

run: $(INSTALLED)  ## Start everything; Ctrl-C stops it.
	@$(MAKE) --silent $(SITE) > /dev/null 2>&1 || echo "The documentation is not built: make docs reports why."
	@exec $(BIN)/python -m include.firstday.stack

spark: $(INSTALLED_SPARK)  ## Install what FIRSTDAY_ENGINE=spark needs, and Sail.

airflow: $(INSTALLED)  ## Airflow's command line, beside `make run`: make airflow ARGS="dags list".
	@exec $(BIN)/python -m include.firstday.stack airflow $(ARGS)

secrets:  ## Write .env with passwords and keys for docker-compose.yaml; what is there already stays.
	@$(PYTHON) -m include.firstday.stack.secrets_file .env

# One more than there are processors, as whole installations mostly wait for the next minute.
SLOW_WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

test: $(INSTALLED_DEV)  ## The tests, the fast ones first. A part of them: make test ARGS="-k lake".
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not (slow or release or faults or containers)" $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -n $(SLOW_WORKERS) --dist loadfile --no-loadscope-reorder -m "slow and not release" $(ARGS) || [ $$? -eq 5 ]

release-test: $(INSTALLED_DEV)  ## Longer forms of what other tests show, before a release; minutes.
	$(BIN)/python -m pytest -n $(SLOW_WORKERS) --dist loadfile --no-loadscope-reorder -m release $(ARGS) || [ $$? -eq 5 ]

faults: $(INSTALLED_DEV)  ## The tests that kill processes: `make chaos` and `make soak` in small; minutes.
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m faults $(ARGS) || [ $$? -eq 5 ]

containers-test: $(INSTALLED_DEV)  ## Build the image and run docker-compose.yaml by a Docker engine of the tests' own; minutes, as root.
	$(BIN)/python -m pytest -m containers $(ARGS) || [ $$? -eq 5 ]

chaos: $(INSTALLED_DEV)  ## Prove that faults change nothing: two lakes, one killed, repeated and shuffled; minutes.
	@$(BIN)/python -m tests.faults.chaos $(ARGS)

fuzz: $(INSTALLED_DEV)  ## Prove that no mutated file stops or loses anything: make fuzz ARGS="--files 20000".
	@$(BIN)/python -m tests.faults.fuzz $(ARGS)

stationary: $(INSTALLED_DEV)  ## Prove that monitoring is silent on two stationary days in each of twelve runs; an hour.
	@$(BIN)/python -m tests.faults.stationary $(ARGS)

soak: $(INSTALLED_DEV)  ## Prove that a day of micro-batches, and a month of Airflow, leave files, databases, memory and time bounded.
	@$(BIN)/python -m tests.faults.soak $(ARGS)
	@$(BIN)/python -m tests.faults.soak_airflow

bench: $(INSTALLED_DEV) .venv-bench/.installed  ## Measure beside DuckDB, Polars, pandas, Spark, storey and NannyML; an hour. A part: make bench ARGS=workload.
	@$(BIN)/python -m tests.bench $(ARGS)

backup: $(INSTALLED)  ## Copy the lake while it is at work: make backup TO=/elsewhere/monday.
	@$(BIN)/firstday backup "$(TO)"

restore: $(INSTALLED)  ## Make the lake, where there is none, from such a copy: make restore FROM=/elsewhere/monday.
	@$(BIN)/firstday restore "$(FROM)"

fmt: $(INSTALLED_DEV)  ## Format Python and SQL.
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	@if find sql -name '*.sql' | grep --quiet .; then $(BIN)/sqlfluff format --quiet sql; fi

check: $(INSTALLED_DEV)  ## Everything that is checked without running the project.
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	@if find sql -name '*.sql' | grep --quiet .; then echo "sqlfluff lint sql"; $(BIN)/sqlfluff lint --nocolor sql; fi
	$(BIN)/codespell

docs: .venv-docs/.installed  ## Build the documentation into .site; a broken link, anchor or navigation fails.
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --clean

$(SITE): .venv-docs/.installed mkdocs.yml $(shell find docs -type f)
	@$(MAKE) docs

load: $(INSTALLED_DEV)  ## A minute of 200 posts a second to an installation of its own: nothing lost?
	$(BIN)/python -m tests.faults.load $(ARGS)

lock: $(INSTALLER)  ## Resolve requirements*.in into requirements*.txt, pinned and with hashes.
	$(LOCK) requirements-installer.in --output-file requirements-installer.txt
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-spark.in --output-file requirements-spark.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) requirements-bench.in --output-file requirements-bench.txt
	$(LOCK) requirements-docs.in --output-file requirements-docs.txt

$(INSTALLER): requirements-installer.txt
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11, 3.12 or 3.13 is needed and not found: install it, or name it with PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || \
		{ echo "Python's venv module is missing: on Debian, sudo apt-get install python3-venv." >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-installer.txt
	@touch $@

$(INSTALLED): requirements.txt pyproject.toml | $(INSTALLER)
	@echo "Installing the locked packages (about 1.5 GB on disk; seconds to a few minutes)."
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_SPARK): requirements-spark.txt | $(INSTALLED)
	@echo "Installing what FIRSTDAY_ENGINE=spark needs."
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements-spark.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt | $(INSTALLED_SPARK)
	@echo "Installing what development needs."
	@$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.txt
	@touch $@

.venv-bench/.installed: requirements-bench.txt | $(INSTALLER)
	@echo "Installing what Firstday is compared with (about 1.2 GB on disk)."
	@$(PYTHON) -m venv .venv-bench
	@VIRTUAL_ENV=.venv-bench $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-bench.txt
	@touch $@

.venv-docs/.installed: requirements-docs.txt | $(INSTALLER)
	@echo "Installing what builds the documentation."
	@$(PYTHON) -m venv .venv-docs
	@VIRTUAL_ENV=.venv-docs $(BIN)/uv pip install --quiet --require-hashes -r requirements-docs.txt
	@touch $@

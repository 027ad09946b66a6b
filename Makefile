# Arbiter. `make help` lists what there is.
#
# Needs python3 (3.11 or later, with venv), make and a package index; nothing else is
# installed outside .venv. Each step leaves a stamp in .venv/.stamps and is repeated
# only when what it was made from has changed.

PYTHON ?= python3
ARGS   ?=
BIN    := .venv/bin
STAMPS := .venv/.stamps
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup setup-dev up test test-fast test-wire test-slow chaos scenarios check format bench bench-peers docs proto lock clean

# An environment whose interpreter has gone (an upgraded system) is made anew.
ifneq ($(shell $(BIN)/python -c 'print("usable")' 2>/dev/null),usable)
$(shell rm -rf $(STAMPS))
endif

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMPS)/kernels ## Make .venv: pinned dependencies, arbiter, compiled kernels

setup-dev: setup $(STAMPS)/dev ## The same with what tests, checks and docs need

up: setup ## Set up where needed and start the engine (ARGS="--mode paper" ...)
	@exec $(BIN)/arbiter up $(ARGS)

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Arbiter needs Python 3.11 or later as '$(PYTHON)'; found: $$($(PYTHON) --version 2>&1 || true)" >&2; \
	  echo "Name another one with: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear .venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements.lock | $(STAMPS)/venv
	@echo "Installing the pinned dependencies of requirements.lock (a minute or two)"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@touch $@

$(STAMPS)/arbiter: pyproject.toml $(STAMPS)/runtime
	@echo "Installing arbiter"
	@$(PIP) install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

# `arbiter warm` compiles the kernels into their cache, so that no start waits for it.
$(STAMPS)/kernels: $(wildcard src/arbiter/kernels/*.py) $(STAMPS)/arbiter
	@if $(BIN)/arbiter warm --help >/dev/null 2>&1; then \
	  echo "Compiling the kernels"; $(BIN)/arbiter warm; fi
	@touch $@

$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/runtime
	@echo "Installing the pinned tools of requirements-dev.lock"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

test: test-fast test-wire test-slow ## Run the fast tests, those of venues, then the slow ones

# Most of a test session's start is reading, and so are the processes that tests start: what was
# compiled once is kept, whatever the machine's habit.
test-fast test-wire test-slow chaos scenarios: export PYTHONDONTWRITEBYTECODE :=

test-fast: setup-dev ## Run the fast tests only
	$(BIN)/python -m pytest -m "not slow and not wire" -n 3 --dist loadfile $(ARGS)

# Exit code 5 says that no test carries the mark.
test-wire: setup-dev ## Run the suites of venues over sockets, against simulated exchanges
	$(BIN)/python -m pytest -m wire -n 3 $(ARGS) || [ $$? -eq 5 ]

test-slow: setup-dev ## Run the slow tests only (restarts, crashes, soaks)
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile $(ARGS) || [ $$? -eq 5 ]

chaos: setup-dev ## Run 1,000 seeds of faults and crashes in virtual time (ARGS="--seeds 50")
	$(BIN)/python -m tests.chaos $(ARGS)

FACTOR ?= 20
scenarios: setup-dev ## Play the named hazards of legs and pairs with many seeds (FACTOR=20)
	ARBITER_SCENARIO_FACTOR=$(FACTOR) $(BIN)/python -m pytest tests/scenarios/legs tests/scenarios/funding tests/scenarios/events -n auto $(ARGS)

check: setup-dev ## Lint, formatting, types, import contracts, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory docs

format: setup-dev ## Format the code and apply the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup-dev ## Measure the hot paths against their baselines
	$(BIN)/python -m benchmarks $(ARGS)

# The peer shares no dependency with the engine: it lives in an environment of its own.
PEER := nautilus_trader==1.221.0 pandas pyarrow
bench-peers: setup-dev ## Measure backtests against NautilusTrader too (installs it into .venv-peers)
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip --disable-pip-version-check install --quiet $(PEER)
	$(BIN)/python -m benchmarks backtest $(ARGS)

docs: setup-dev ## Build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

proto: setup-dev ## Write src/arbiter_pb2*.py anew after a change to contracts/arbiter.proto
	$(BIN)/python contracts/generate.py

# Neither lock names an index: whoever installs uses their own. The tools are resolved
# first and the engine's own lock is held to the same versions. What names every environment
# of pyproject.toml names none, so that pip says it when another one cannot be had.
UV_COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --fork-strategy fewest \
  --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
lock: setup-dev ## Compile both locks anew (ARGS=--upgrade for newer versions)
	$(UV_COMPILE) $(ARGS) --group build --group dev --output-file requirements-dev.lock
	$(UV_COMPILE) $(ARGS) --group build --constraint requirements-dev.lock --output-file requirements.lock
	sed -i "s/ ; (python_full_version < '3.15' and implementation_name[^\\\\]*) / /" requirements-dev.lock requirements.lock

clean: ## Remove .venv, caches and built files (no trading data)
	rm -rf .venv .venv-peers build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

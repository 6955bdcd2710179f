# `make demo` and `make test` are the two commands a newcomer types; the rest serves them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= python3
PORT ?= 8000
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Local copies of public data and weights, where somebody has put them beside the checkout.
ifneq ($(wildcard ../shared/data/.),)
export GYRAL_MIRROR ?= $(abspath ../shared/data)
endif
ifneq ($(wildcard ../shared/models/.),)
export GYRAL_MODELS ?= $(abspath ../shared/models)
endif

.PHONY: help install demo test test-all lint types walls tests tests-slow doctests system clean

help: ## show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## make .venv with everything pinned in constraints.txt
$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install system ## install, migrate, score real models, serve the board on PORT (8000)
	@PATH="$(abspath $(BIN)):$$PATH" PORT=$(PORT) $(BIN)/python -m gyral_portal.demo

test: install system lint types walls tests doctests ## every check, in less than 25 minutes on 2 cores
test-all: test tests-slow ## `make test` and the long tests

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types:
	$(BIN)/mypy
walls:
	$(BIN)/lint-imports
# Settings are read before any fixture runs, so that tests need a home of their own from the start.
tests tests-slow doctests: export GYRAL_HOME := $(abspath .gyral/test-home)
# Two workers with two threads each would wait for one another on two cores.
tests tests-slow doctests: export OMP_NUM_THREADS ?= 1
tests:
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile
tests-slow:
	$(BIN)/python -m pytest -m slow
doctests:
	$(BIN)/python -m pytest --doctest-modules -q scoring/gyral

system: ## install bubblewrap and chromium where that is allowed, else say how
	@bash docker/system.sh

clean: ## forget environment, demo and caches
	rm -rf $(VENV) .gyral .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

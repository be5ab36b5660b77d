# Each target is a line or two that calls the command line or a tool.
PYTHON ?= python3
BIN := .venv/bin
UV_LOCK := components/atoll/toolchain/locks/uv.txt

# What tests run beside the programs of every environment.
TESTED := actionlint age buildkitd helm kaniko-executor pulumi-language-yaml pulumi-resource-docker-build registry sops

.DEFAULT_GOAL := help
.PHONY: help up down test check soak format bench rehearse

help:
	@echo 'make up      bring the dev environment up'
	@echo 'make down    remove the dev environment: processes, ports and files'
	@echo 'make test    run all tests (it has an environment of its own)'
	@echo 'make soak    the long loops of kills; PART=, ROUNDS= and SEED= choose'
	@echo 'make rehearse  prod on this machine: its inventory, with clusters and a cloud made for it'
	@echo 'make check   format, lint, types, import contracts and the fast tests'
	@echo 'make format  format the code'
	@echo 'make bench   measure, side by side; MEMBERS= says on how many clusters'

up: .venv/ready
	@$(BIN)/atoll up dev

down: .venv/ready
	@$(BIN)/atoll down dev

check: .venv/ready
	@$(BIN)/ruff format --check --quiet && $(BIN)/ruff check --quiet && $(BIN)/mypy && $(BIN)/lint-imports
	@$(BIN)/pytest tests/unit tests/golden tests/component -n 3

test: check
	@$(BIN)/atoll tools install && $(BIN)/atoll tools install $(TESTED)
	@$(BIN)/pytest tests/conformance tests/e2e -n 2 --dist loadfile

soak: .venv/ready
	@$(BIN)/atoll tools install
	@PYTHONPATH=tests $(BIN)/python -m soak $(PART) $(ROUNDS:%=--rounds %) $(SEED:%=--seed %)

rehearse: .venv/ready
	@$(BIN)/atoll tools install && $(BIN)/atoll tools install helm
	@PYTHONPATH=tests $(BIN)/python -m e2e.rehearsal

format: .venv/ready
	@$(BIN)/ruff format --quiet && $(BIN)/ruff check --fix --quiet

bench: .venv/ready
	@$(BIN)/python -m bench $(MEMBERS)

.venv/ready: pyproject.toml uv.lock $(UV_LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "python: found $$($(PYTHON) --version 2>&1); expected Python 3.11 or newer. Run: make PYTHON=/path/to/python3.11" >&2; exit 4; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "python: the venv module is missing; expected it beside Python. Run: apt-get install python3-venv" >&2; exit 4; }
	@echo 'Installing the locked Python packages into .venv'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(UV_LOCK)
	@$(BIN)/uv sync --locked --inexact --quiet
	@touch $@

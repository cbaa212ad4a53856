# `make run` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint bench venv
venv: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1" -c constraints.txt
	$(BIN)/python -m pip install --quiet --editable . --group dev -c constraints.txt
	touch $@

run: venv
	$(BIN)/aggregator demo

test: venv
	$(BIN)/python -m pytest --numprocesses auto --dist loadscope

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: venv
	$(BIN)/python -m benchmarks.crawl
	$(BIN)/python -m benchmarks.tags
	$(BIN)/python -m benchmarks.events
	$(BIN)/python -m benchmarks.stories
	$(BIN)/python -m benchmarks.serve

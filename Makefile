# Everything a developer does here. `make help` lists it.
SHELL := bash
PY := .local/venv/bin/python
DEPLOYED := app.py chalicelib firehose_transform

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

.PHONY: run
run: ## Start the whole road on this machine; Ctrl-C stops it
	@bin/sluice up

.PHONY: down
down: ## Stop a road that runs in the background
	@bin/sluice down

.PHONY: env
env:
	@bin/setup tool dev emulator

.PHONY: test
test: env ## Run every test: unit tests, then the whole road
	$(PY) -m pytest -m "not road"
	$(PY) -m pytest -m road

.PHONY: unit
unit: env ## Run the unit tests only
	$(PY) -m pytest -m "not road"

.PHONY: check
check: env ## Lint, format, types, templates
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(DEPLOYED) sluice bin/environments.py
	.local/venv/bin/cfn-lint infra/template.yaml
	$(PY) -m pytest tests/test_house.py tests/snowflake

.PHONY: fmt
fmt: env ## Format the code and apply safe lint fixes
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

.PHONY: bench
bench: env ## Measure: collect beside its floor, reconcile over 100,000 files, post-to-row on a running road
	PYTHONPATH=. $(PY) bench/collect.py
	PYTHONPATH=. $(PY) bench/reconcile.py
	PYTHONPATH=. $(PY) bench/first_row.py

.PHONY: pins
pins: env ## Compile requirements/*.in into pinned, hashed requirements/*.txt
	$(PY) -m pip install --quiet pip-tools
	cd requirements && export CUSTOM_COMPILE_COMMAND="make pins" && \
	  compile() { ../$(PY) -m piptools compile --quiet --strip-extras --no-emit-options "$$@"; } && \
	  compile --no-annotate --output-file ../requirements.txt app.in && \
	  for name in tool dev emulator; do \
	    compile --generate-hashes --allow-unsafe --output-file $$name.txt $$name.in; \
	  done

.PHONY: clean
clean: down ## Remove everything generated
	rm -rf .local build

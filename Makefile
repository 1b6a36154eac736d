# Two commands: `make run` and `make test`. Both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-stamp
# Pure and in memory: they run beside each other. The others have a broker and a store of their own.
FAST := tests/unit tests/handlers tests/contracts tests/arch
IN_MEMORY := $(FAST) tests/sim
BESIDE := $(BIN)/python -m pytest -q -n logical --maxprocesses 4

.PHONY: run demo down test lint types shape unit sim e2e bench chaos docs lock fast-store clean help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it, or set PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $$($(PYTHON) --version) was found. Set PYTHON=…" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making a virtual environment in $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing packages (about a minute the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: $(STAMP) ## Set up and run the product on this machine; Ctrl-C stops it
	@$(BIN)/heliodesk up

demo: $(STAMP) ## Send real requests through the running product
	@$(BIN)/heliodesk demo

down: $(STAMP) ## Stop what `make run` left running
	@$(BIN)/heliodesk down

test: $(STAMP) lint types shape ## Everything a change must pass
	@tests/support/ensure_browser.sh
	$(BESIDE) $(IN_MEMORY)
	$(BIN)/python -m pytest -q $(IN_MEMORY:%=--ignore=%)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy shared services heliodesk deploy tests

shape: $(STAMP)
	$(BIN)/lint-imports --no-logo

unit: $(STAMP) ## The fast tests only
	$(BESIDE) $(FAST)

sim: $(STAMP) ## The fault simulation; SEED=n replays one
	$(BIN)/python -m tests.sim $(if $(SEED),--seed $(SEED),)

e2e: $(STAMP)
	$(BIN)/python -m pytest -q tests/e2e

bench: $(STAMP) ## Benchmarks, as ratios to a floor in the same run
	$(BIN)/python -m tests.benchmarks

chaos: $(STAMP) ## The long forms of the fault tests
	HELIODESK_CHAOS=1 $(BIN)/python -m pytest -q tests/sim tests/handlers/test_intake_fuzz.py tests/unit/test_coverage_exact.py tests/unit/test_calendar_laws.py tests/e2e

docs: $(STAMP) ## Write the generated documents
	$(BIN)/python -m heliodesk.documents write

lock: ## Pin the dependencies anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --extra dev --python-version 3.11 -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --extra all --python-version 3.11 -o deploy/constraints.txt pyproject.toml

fast-store: $(STAMP) ## Build the faster store from source (needs cargo, about 8 minutes)
	$(BIN)/python -m deploy.local build-fast-store

clean: ## Remove the virtual environment and caches, not the data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

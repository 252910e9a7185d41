# TradeHub. `make` alone lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
ASSETS := frontend/dist/.fetched

.DEFAULT_GOAL := help
.PHONY: help run test test-testnet bench chaos mutants check demo assets fmt lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: $(VENV)/.run $(ASSETS) ## start TradeHub in this terminal (HOST, PORT)
	@exec $(MANAGE) up $(FLAGS)

demo: $(VENV)/.run ## a demo user, a paper account, and a curl line to paste
	@$(MANAGE) demo $(FLAGS)

test: $(VENV)/.dev $(ASSETS) ## the whole suite: SQLite, then what touches the database on PostgreSQL
	@./tests/needs.sh
	@$(BIN)/python -m tests $(ARGS)

test-testnet: $(VENV)/.dev ## a drill at the real test venues, with your keys (tests/venues/test_testnet.py)
	@env | grep -qE '^(BINANCE_TESTNET|BINANCE_FUTURES_TESTNET|ALPACA_PAPER)_KEY=.' || \
	  { echo "No keys: tests/venues/test_testnet.py says which variables to set."; exit 2; }
	$(BIN)/python -m pytest tests/venues/test_testnet.py -m testnet $(ARGS)

bench: $(VENV)/.dev $(ASSETS) ## the benchmarks, each against its floor in the same run
	@./tests/needs.sh
	$(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/.dev $(ASSETS) ## N faults (3000) under fire, then the books compared (SEED, ENGINE, VENUE)
	@./tests/needs.sh
	@$(BIN)/python -m tests.chaos --faults $(or $(N),3000) --engine $(or $(ENGINE),sqlite) --venue $(or $(VENUE),scripted) $(if $(SEED),--seed $(SEED)) $(ARGS)

mutants: $(VENV)/.dev ## break what carries the promises, bit by bit: some test must notice (TARGET)
	@$(BIN)/python -m tests.mutants $(TARGET) $(ARGS)

check: $(VENV)/.dev $(ASSETS) ## lint, types, import rules, migrations, deployment checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(CHECK) makemigrations --check --dry-run
	$(CHECK) check --deploy --fail-level WARNING

# A sane production, in a home of its own, whatever this machine's .env says.
CHECK = ENV_FILE=/dev/null TRADEHUB_HOME=$(VENV)/check-home PUBLIC_URL=https://hub.example.org $(MANAGE)

assets: $(ASSETS) ## fetch the front-end files with npm

fmt: $(VENV)/.dev ## format and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.dev ## pin requirements*.txt from pyproject.toml (UPGRADE=--upgrade for newer ones)
	$(PIN) pyproject.toml -o requirements.txt
	$(PIN) pyproject.toml --group dev -o requirements-dev.txt

PIN = $(BIN)/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate $(UPGRADE)

clean: ## remove what make made, never your data
	rm -rf $(VENV) frontend/node_modules frontend/dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "TradeHub needs Python 3.11 or newer; $(PYTHON) is older. Set PYTHON=python3.12, say."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.run

# Either set of packages will do, whichever is there.
$(ASSETS): frontend/package-lock.json tradehub/assets.py | $(BIN)/python
	@$(BIN)/python -c 'import django' 2>/dev/null || $(MAKE) --no-print-directory $(VENV)/.run
	$(MANAGE) assets
	@touch $@

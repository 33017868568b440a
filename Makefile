# Everything a person runs. Needs Python ≥ 3.11 and a package registry; all else comes into .venv.
.DEFAULT_GOAL := help
.PHONY: help up doctor test cases faults fuzz load bench bench-engine bench-search bench-growth bench-ui console lint lock clean chromium

VENV := .venv
BIN := $(VENV)/bin
# Most of their time tests wait, so two run at once; those that share something stay together.
AT_ONCE := -n 2 --dist loadscope --no-loadscope-reorder --durations=50
# The newest Python that is asked for by its plain name or, where that one is too old, by its version.
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(VENV)/.runtime ## Start everything on this machine; Ctrl-C stops it.
	@$(BIN)/chat-sessions up

doctor: $(VENV)/.runtime ## Look for what is wrong with this installation. Repair counts: make doctor ARGS=--repair
	@$(BIN)/chat-sessions doctor $(ARGS)

test: $(VENV)/.development chromium ## Run every test. A part: make test ARGS="tests/sql -k migrations"
	@$(BIN)/python -m webapp.build
	@$(BIN)/python -m hasura.console.build
	@$(BIN)/python -m pytest $(or $(ARGS),$(AT_ONCE))

cases: $(VENV)/.development ## Hasura's own test cases, where present. A part: make cases ARGS="--area run_sql -v"
	@$(BIN)/python -m tests.cases $(ARGS)

faults: $(VENV)/.development chromium ## Kill every process again and again under load; see that nothing is lost.
	@$(BIN)/python -m webapp.build
	@$(BIN)/python -m tests.faults $(ARGS)

load: $(VENV)/.development ## 1,000 people on the WebSocket API and 1,000 before the web UI, for ten minutes.
	@$(BIN)/python -m webapp.build
	@$(BIN)/python -m tests.load $(ARGS)

fuzz: $(VENV)/.development ## Send the API, GraphQL and the sockets what nobody should: make fuzz ARGS="graphql --rounds 100"
	@$(BIN)/python -m webapp.build
	@$(BIN)/python -m tests.fuzz $(ARGS)

bench: bench-engine bench-search bench-growth bench-ui ## Measure all of these, one after the other.

bench-engine: $(VENV)/.development ## Measure the engine beside PostgreSQL's own speed and PostGraphile (needs wrk).
	@$(BIN)/python -m tests.bench $(ARGS)

bench-search: $(VENV)/.development ## Measure searches in a million messages.
	@$(BIN)/python -m tests.bench.search $(ARGS)

bench-growth: $(VENV)/.development ## Measure what requests cost in services of 10⁴ to 10⁷ messages.
	@$(BIN)/python -m tests.bench.growth $(ARGS)

bench-ui: $(VENV)/.development chromium ## Measure the web UI in a browser: 10,000 chats, 10,000 messages.
	@$(BIN)/python -m webapp.build
	@$(BIN)/python -m tests.bench.ui $(ARGS)

console: $(VENV)/.runtime ## Build the engine's console (make up does it too).
	@$(BIN)/python -m hasura.console.build

lint: $(VENV)/.development ## Check style and types; look for secrets and for known holes in what is locked.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python -m tests.audit.secrets
	@$(BIN)/python -m tests.audit.dependencies

lock: $(VENV)/.uv ## Renew the lock files after a change of pyproject.toml.
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) --group dev --constraints requirements.lock --output-file requirements-dev.lock
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

clean: ## Remove what was installed and built. The data in .data stays.
	rm -rf $(VENV) .build .mypy_cache .ruff_cache .pytest_cache .hypothesis webapp/.web webapp/.states hasura/console/node_modules

# The stamps: a second run has nothing to do.
$(VENV)/.uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found as python3 or python3.11 … 3.14."; exit 1; }
	@echo "installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)."; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	@touch $@

$(VENV)/.runtime: $(VENV)/.uv requirements.lock pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements-dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements requirements-dev.lock
	@touch $@

# For the browser tests. Where it cannot be installed they are skipped, and say so.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing Chromium for the browser tests"; \
		(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium) >/dev/null; \
	else echo "no Chromium found: the browser tests will be skipped (Debian: apt install chromium)"; fi

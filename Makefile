# Everything a reader runs. Needs Debian or Ubuntu with Python 3.11+, pip, venv, git, make and apt; nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
unexport VIRTUAL_ENV
export UV_PYTHON_DOWNLOADS := never
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1

# What this system trusts counts for every download: a company may have a certificate authority of its own.
AUTHORITIES := $(wildcard /etc/ssl/certs/ca-certificates.crt)
ifneq ($(AUTHORITIES),)
export UV_SYSTEM_CERTS := true
export PIP_CERT ?= $(AUTHORITIES)
export NODE_EXTRA_CA_CERTS ?= $(AUTHORITIES)
endif

PYTHON ?= python3
WORKERS ?= 2
UV := .tools/bin/uv
RUN := .venv/bin
VENV := .venv/.synced
INTEROP := tests/interop/node_modules/.package-lock.json
RECORDED := .tools/recorded/.complete
PEERS := benchmarks/peer/node_modules/.package-lock.json
# Tests that drive a browser or a foreign server share ports, processes and cores, so they run one by one.
ALONE := browser or interop
# Tests that take long, or need more than `make servers` installs.
APART := soak or toolchains
TEXTS := broker examples providers templates tests docs deploy benchmarks config.yaml Makefile README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md

.PHONY: help demo test check lint types floors unit alone coverage bench interop soak servers format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV) ## Start the broker with emulated upstreams and a sample app; Ctrl-C forgets everything; ALL=1: every service
	@exec $(RUN)/broker demo $(if $(ALL),--all)

test: servers $(VENV) $(INTEROP) $(RECORDED) ## Lint, types, floors and every test; installs missing servers with apt when root
	@start=$$SECONDS; \
	$(MAKE) --no-print-directory check unit alone; \
	echo "make test: all green in $$((SECONDS - start)) s"

check: lint types floors ## The fast part: lint, formatting, spelling, types, who may import whom

lint: $(VENV)
	@$(RUN)/ruff check --quiet .
	@$(RUN)/ruff format --check --quiet .
	@$(RUN)/codespell $(wildcard $(TEXTS))
	@echo "lint: ok"

types: $(VENV)
	@$(RUN)/mypy

floors: $(VENV)
	@$(RUN)/lint-imports --no-logo 2>/dev/null || $(RUN)/lint-imports

unit: $(VENV) $(RECORDED) ## Tests that need no browser and no foreign software, in parallel
	@$(RUN)/pytest -n $(WORKERS) --dist worksteal --durations=10 --durations-min=1 -m "not ($(APART)) and not ($(ALONE))"

alone: servers $(VENV) $(INTEROP) ## Tests in a real browser and with clients written by others
	@$(call node18) $(RUN)/pytest --durations=10 --durations-min=1 -m "$(ALONE)"

coverage: $(VENV) $(RECORDED) ## Branch coverage; the floors below must be complete
	@$(RUN)/pytest -n $(WORKERS) --dist worksteal -m "not ($(APART)) and not ($(ALONE))" --cov --cov-report=
	@$(RUN)/coverage report --skip-covered --show-missing
	@$(RUN)/coverage report --format=total --fail-under=100 --include='broker/core/*,broker/store/*,broker/upstream/*'

bench: $(VENV) $(PEERS) ## Measure beside bare Starlette and oidc-provider; writes benchmarks/README.md
	@$(RUN)/python -m benchmarks.run --write

interop: $(VENV) ## Sign in with software in Go and Java; needs go, a JDK (17 or newer) and mvn
	@$(RUN)/pytest -m toolchains

soak: servers $(VENV) ## The long runs: memory, floods, restarts
	@$(RUN)/pytest -m soak --timeout=3600

servers: ## Install the servers and the browser that the tests need
	@.ci/servers

format: $(VENV) ## Rewrite the code in the house format
	@$(RUN)/ruff check --quiet --fix . && $(RUN)/ruff format --quiet .

clean: ## Remove everything that was made here
	@rm -rf .venv .tools .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* artifacts build dist
	@rm -rf tests/interop/node_modules benchmarks/peer/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV): .ci/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .tools || { echo "needed: apt install python3-venv" >&2; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/uv.txt
	@touch $@

$(VENV): $(UV) uv.lock pyproject.toml
	@$(UV) sync --locked --quiet
	@touch $@

# Nothing of them is run but their setup, by which pip learns that they are what their names say.
$(RECORDED): $(UV) .ci/recorded.txt .ci/recorded-build.txt
	@rm -rf $(@D) && mkdir -p $(@D)
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/recorded-build.txt
	@.tools/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --no-binary :all: \
	  --no-build-isolation --dest $(@D) -r .ci/recorded.txt
	@touch $@

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# Debian 12 has Node 18, which hides the Web Cryptography that newer releases show.
node18 = NODE_OPTIONS="$$(node --version 2>/dev/null | grep -q '^v18\.' && echo --experimental-global-webcrypto || true)"

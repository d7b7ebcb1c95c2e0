# Run `make` to see what there is to run. Variables: ENV=<name of a file in params/>,
# YES=1 (deploy without asking), CONFIRM=<ENV> (deploy production, or destroy, without typing
# it), APPROVED=<digest> (deploy only those templates), ADOPT=1 (take in what an earlier destroy
# kept), RESTART=1 (replace tasks that are older than a secret's value), DRIFT=1 (have a plan or a
# deploy tell of what was changed by hand), BASE=<revision>, ARGS="..." (passed on, such as
# --json: see `.venv/bin/liberty-cfn --help`).
.DEFAULT_GOAL := help
.PHONY: help templates lint diff explain prove audit test check format plan deploy verify destroy \
        local-up local-down bench requirements clean ready status events outputs cancel retry \
        rollback drift doctor bootstrap secret secrets .venv

# Compiled modules are kept: without them, every command takes longer to start.
unexport PYTHONDONTWRITEBYTECODE
# Other modules than those that are pinned, or none at all, would be found.
unexport PYTHONHOME PYTHONPATH
# Docstrings describe templates, and tests assert.
unexport PYTHONOPTIMIZE
# Where pip installs for its user by itself, it refuses to install into a virtual environment.
export PIP_USER := 0

# One that is exported, for deploys, consents to no destroy.
CONFIRMED := $(filter command,$(origin CONFIRM))

# A name is one word, taken as it was typed: nothing in it is for make or the shell to carry out.
$(foreach name,BASE CONFIRM ENV ID NAME,$(eval override $(name) := $$(value $(name))))
typed = '$(subst ','\'',$($(1)))'

# The first Python at hand that will do; looked for when it is needed, once.
WILL_DO := -E -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
PYTHON ?= $(eval PYTHON := $$(shell for python in python3 python3.13 python3.12 python3.11; do \
            $$$$python $(WILL_DO) && { echo $$$$python; break; }; done))$(PYTHON)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
LIBERTY := $(BIN)/python -m liberty_cfn

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

templates: ready ## Write templates/ and what of docs/ is written from liberty_cfn/
	@$(BIN)/python generate.py
	@$(LIBERTY) prove --write
	@$(LIBERTY) rules --write

lint: ready ## Check templates/ and params/ with the linters and the house rules
	@$(LIBERTY) lint $(ARGS)

test: ready ## Run the tests
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --quiet $(ARGS)

check: ready ## Everything a pull request must pass; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python generate.py --check
	$(LIBERTY) lint
	$(LIBERTY) prove
	@$(MAKE) --no-print-directory test

format: ready ## Format the Python, and fix what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

diff: ready ## Say what a change does to AWS, in every environment: make diff BASE=main
	@$(LIBERTY) diff $(if $(BASE),--base $(call typed,BASE)) $(ARGS)

prove: ready ## Prove who reaches whom and who may do what, in every environment
	@$(LIBERTY) prove $(ARGS)

audit: ready ## Ask checkov and AWS's Guard rules about every environment; ARGS=--write
	@cat requirements-audit.txt requirements-guard.txt | cksum | cmp -s - .venv-audit/made-from || { \
	  echo "Setting up .venv-audit, once" >&2; \
	  $(PYTHON) -m venv --clear .venv-audit && \
	  .venv-audit/bin/pip install --quiet --require-hashes --requirement requirements-audit.txt && \
	  .venv-audit/bin/pip install --quiet --require-hashes --no-deps --requirement requirements-guard.txt && \
	  cat requirements-audit.txt requirements-guard.txt | cksum > .venv-audit/made-from; }
	@$(LIBERTY) audit $(ARGS)

explain: ready ## Say who uses a resource, what replacing it would do: make explain ID=Vpc
	@$(LIBERTY) explain $(call typed,ID) $(ARGS)

plan: ready ## Show what a deploy would change: make plan ENV=prod
	@$(LIBERTY) plan $(call typed,ENV) $(ARGS)

deploy: ready ## Deploy an environment and verify it: make deploy ENV=local
	@$(LIBERTY) deploy $(call typed,ENV) $(ARGS)

verify: ready ## Tick the spec's checklist from what exists: make verify ENV=local
	@$(LIBERTY) verify $(call typed,ENV) $(ARGS)

destroy: ready ## Delete an environment, but what is kept by policy: make destroy ENV=local
	@$(LIBERTY) destroy $(call typed,ENV) $(if $(CONFIRMED),--confirm $(call typed,CONFIRM)) $(ARGS)

status events outputs cancel retry rollback drift doctor bootstrap: ready
	@$(LIBERTY) $@ $(call typed,ENV) $(ARGS)

status: ## Say how an environment's stacks stand
events: ## Show the last operation; ARGS=--follow attaches to what is running
outputs: ## Show the stack's outputs
cancel: ## Cancel an update that is under way
retry: ## Bring those targets of a stack set up to date that failed
rollback: ## Continue a rollback that failed
drift: ## Show what differs from what was deployed
doctor: ## Say what would make a deploy fail, and what solves it
bootstrap: ## Make the roles that a stack set needs, in every target

secret: ready ## Set a secret: make secret ENV=prod NAME=DEFAULT_FROM_EMAIL
	@$(LIBERTY) secret set $(call typed,ENV) $(call typed,NAME) $(ARGS)

secrets: ready ## Say which secrets have a value, and since when
	@$(LIBERTY) secret list $(call typed,ENV) $(ARGS)

local-up: ready ## Start the local AWS
	@$(LIBERTY) local up $(ARGS)

local-down: ready ## Stop the local AWS; what it holds is kept
	@$(LIBERTY) local down $(ARGS)

bench: ready ## Measure how long things take
	@$(BIN)/python tests/bench.py $(ARGS)

requirements: ## Pin requirements*.txt anew, from pyproject.toml and *.in
	$(PYTHON) -m venv --clear .venv-pins
	.venv-pins/bin/python -m pip --quiet install pip-tools==7.6.2
	.venv-pins/bin/pip-compile --upgrade --extra dev --output-file requirements.txt pyproject.toml
	.venv-pins/bin/pip-compile --upgrade --output-file requirements-local.txt requirements-local.in
	.venv-pins/bin/pip-compile --upgrade --output-file requirements-audit.txt requirements-audit.in
	rm -r .venv-pins

clean: ## Stop the local AWS and delete all that was made here, its data included
	@! test -x $(BIN)/python || $(LIBERTY) local down
	rm -rf .venv .venv-local .venv-audit .local .mypy_cache .pytest_cache .ruff_cache __pycache__
	find liberty_cfn tests -name __pycache__ -prune -exec rm -rf {} +

# Made again only when what it is made from has other content; a checkout touches files. Where
# the folder was moved, only what says where it is; where Python went, or is another, all.
# It finds the package by a way that has no letters which some language's encoding lacks.
VENV_FINDS := .venv/lib/python3*/site-packages/liberty_cfn.pth
PLACE := { readlink -f $(BIN)/python; pwd -P; cat pyproject.toml; } | cksum
ready:
	@test -x $(BIN)/python && cksum < requirements.txt | cmp -s - .venv/made-from || \
	  $(MAKE) --no-print-directory .venv
	@$(PLACE) | cmp -s - .venv/installed-from || { \
	  $(BIN)/python -c 'import pip' 2>/dev/null || $(MAKE) --no-print-directory .venv; \
	  $(PIP) install --no-deps --no-build-isolation --editable . && \
  echo ../../../.. | tee $(VENV_FINDS) >/dev/null && \
	  $(PLACE) > .venv/installed-from; }

.venv:
	@{ $(PYTHON) $(WILL_DO); } || { echo "This needs Python 3.11, 3.12 or 3.13$(PYTHON:%=, not %): apt-get install python3 python3-venv" >&2; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version), once" >&2
	@$(PYTHON) -m venv --clear .venv || { echo "No virtual environment. If no other reason is above: apt-get install python3-venv" >&2; exit 1; }
	@$(PIP) install --require-hashes --requirement requirements.txt || { \
	  echo "What pip installs could not be had: is there a network, or a proxy (HTTPS_PROXY)? Then make again" >&2; exit 1; }
	@cksum < requirements.txt > .venv/made-from

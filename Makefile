# `make up` and `make test` set everything up by themselves; they need Python 3.11 or newer and nothing else.
# PYTHON=python3.13 picks another Python.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := biot_provider tests tools benchmarks plugins __main__.py
# What AWS Lambda runs: each folder has modules of the same names, so each is checked by itself.
DEPLOYED := biot_provider/starters/python plugins/rhythm-check plugins/vitals-guard
PYTEST := $(BIN)/python -m pytest -q -n auto --dist worksteal

# Tests and `pulumi up` start hundreds of processes: what the first one compiles is there for the others.
unexport PYTHONDONTWRITEBYTECODE

# The local stack keeps its state beside the project and its only secrets belong to the embedded platform.
LOCAL := PULUMI_BACKEND_URL=file://$(CURDIR)/.pulumi/state PULUMI_CONFIG_PASSPHRASE= PULUMI_SKIP_UPDATE_CHECK=1

.PHONY: up down test test-all test-stories test-builders test-long test-pythons check lint format bench dist docs site lock env clean
.DEFAULT_GOAL := up

# Every install goes by the lock file: exact versions, verified hashes.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) tools/setup_venv.py $(VENV)
	@touch $@

# Finds the Pulumi CLI, or builds it the first time; says which one it took. When found, this takes no time.
WITH_ENGINE = engine="$$($(BIN)/python tools/engine/ensure.py)" && PATH="$$engine:$$PATH"

up: $(VENV)/.installed  ## deploy the example plugins to the embedded platform with the real `pulumi up`
	@$(WITH_ENGINE) $(LOCAL) tools/up_local

down: $(VENV)/.installed  ## take them away again
	@$(WITH_ENGINE) $(LOCAL) pulumi destroy --stack local --yes --skip-preview

test: $(VENV)/.installed  ## all tests but the long ones, stories and those that need builders, on the real engine where they need it
	@$(BIN)/python tools/test_servers.py --check
	@$(BIN)/python tools/engine/ensure.py >/dev/null
	@$(PYTEST) -m "not long and not story and not needs_builders"
	@echo 'Not run: tests marked "long", "story" and "needs_builders". `make test-all` runs them, installing what they need.'

test-all: test test-stories test-builders test-long test-pythons  ## every test there is

test-stories: $(VENV)/.installed  ## the long stories on the real engine
	@$(BIN)/python tools/engine/ensure.py >/dev/null
	@$(PYTEST) -m "story and not needs_builders"

test-builders: $(VENV)/.installed  ## the tests of builders, registries, Docker and YAML programs; gets what they run
	@$(BIN)/python tools/test_servers.py --install
	@$(BIN)/python tools/engine/ensure.py --yaml >/dev/null
	@$(PYTEST) -m needs_builders

test-long: $(VENV)/.installed  ## the long tests, and long runs of the explorer and of the tests of any value
	@$(BIN)/python tools/engine/ensure.py >/dev/null
	@$(PYTEST) -m long
	@EXPLORER_SEQUENCES=10000 $(PYTEST) --timeout=0 tests/explorer
	@$(PYTEST) --timeout=0 --hypothesis-profile=long tests/provider/test_any_value.py

test-pythons: $(VENV)/.installed  ## the tests that need no engine, on every other supported Python that can be had
	@$(BIN)/python tools/test_pythons.py

lint: $(VENV)/.installed  ## format, lint, types, architecture
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@for folder in $(DEPLOYED); do (cd $$folder && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml \
	  --cache-dir $(CURDIR)/.mypy_cache --explicit-package-bases .) || exit 1; done
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.generate --check

check: lint site test  ## what CI runs first

format: $(VENV)/.installed  ## rewrite the sources as the formatter wants them
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench: $(VENV)/.installed  ## the benchmarks, as ratios measured side by side in one run
	@$(WITH_ENGINE) $(BIN)/python benchmarks/run.py
	@$(WITH_ENGINE) $(BIN)/python benchmarks/start.py
	@$(WITH_ENGINE) $(BIN)/python benchmarks/many.py
	@$(WITH_ENGINE) $(BIN)/python benchmarks/package.py
	@$(WITH_ENGINE) $(BIN)/python benchmarks/fleet.py
	@$(BIN)/python benchmarks/build.py
	@$(BIN)/python tools/test_servers.py
	@$(WITH_ENGINE) $(BIN)/python benchmarks/image.py

env: $(VENV)/.installed  ## print what a shell needs for `pulumi` on the local stack: eval "$$(make env)"
	@engine="$$($(BIN)/python tools/engine/ensure.py)" && \
	  echo "export $(LOCAL) PATH=\"$$engine:$(CURDIR)/$(BIN):\$$PATH\""

dist: $(VENV)/.installed  ## build the sdist and the wheel into dist/ and check what is in them
	@$(BIN)/python tools/dist.py dist $(if $(RELEASE),--release)

docs: $(VENV)/.installed  ## write docs/reference and the classes of program/resources from the models
	@$(BIN)/python -m tools.generate

site: $(VENV)/.installed  ## write the documentation site to site/; what is warned of (links, anchors) is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo 'site/index.html; to read it with its search: $(BIN)/python -m http.server --directory site'

lock:  ## renew requirements.lock from pyproject.toml
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install -q uv==0.13.9
	@$(VENV)/lock/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" pyproject.toml --group dev --extra image --extra embedded \
	  -o requirements.lock

clean:  ## remove what the commands above made here; the engine's cache stays
	rm -rf $(VENV) dist site .pulumi .biot .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# `make demo` runs the main job; `make test` checks everything. Both set up what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
PYTHON_PACKAGES := wasmarket indexer matcher peer gateway meter payments keeper wasmarket_cli
PYTHON_SOURCES := $(PYTHON_PACKAGES) scripts tests bench tools
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/tools/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR)
# Hundreds of processes start in a run of the tests: none of them is to compile its modules again.
export PYTHONDONTWRITEBYTECODE :=
# Ape keeps its cache and its users' data in here, so that no run depends on the HOME it is started in.
export APE_DATA_FOLDER := $(CURDIR)/.build/ape
PYTEST := $(PY) -m pytest -p no:ape_test -p no:boa_test --ignore=tests/contracts
# Files of tests go to so many processes; each has ports, folders, chains and databases of its own.
WORKERS ?= 2
# A process that dies ends the run: pytest-xdist, going on with another in its place, may wait for ever.
BESIDE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0
# What ran is kept in one file for each kind of test, which `make coverage` reads together.
MEASURED = COVERAGE_FILE=$(CURDIR)/.build/coverage/$(1).data $(PYTEST) $(BESIDE) --cov --cov-report= -m $(1)
# What fails beside others is run once more, alone: tests keep limits of seconds, which three markets on two cores
# exceed at times. What fails twice fails.
ALONE = COVERAGE_FILE=$(CURDIR)/.build/coverage/$(1).data $(PYTEST) --cov --cov-append --cov-report= --lf --lfnf=none -m $(1)

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: setup setup-debian
setup:  ## Install the locked Python and npm packages
	@tools/setup
setup-debian:
	@tools/setup debian

.PHONY: fmt
fmt: setup  ## Format all sources
	.venv/bin/ruff format $(PYTHON_PACKAGES) scripts tests tools examples bench
	.venv/bin/ruff check --fix $(PYTHON_PACKAGES) scripts tests tools examples bench
	tools/format-vyper

.PHONY: generate
generate: setup  ## Write ABIs, bytecode, OpenAPI pages and the list of reasons
	@$(PY) tools/generated.py

.PHONY: locks wheel
locks: setup  ## Write both locks from pyproject.toml; UPGRADE=1 takes newer versions
	@tools/locks $(if $(UPGRADE),--upgrade)
wheel: setup  ## Build the wheel into .build/dist
	@.tools/bin/uv build -q --wheel --python $(PY) --out-dir .build/dist .

.PHONY: check
check: setup  ## Formats, lints, types, imports, generated files
	tools/check

.PHONY: test test-contracts test-gas test-python test-e2e coverage scale
test: setup-debian  ## Everything below
	@$(MAKE) --no-print-directory -j2 -Otarget check test-contracts
	@$(MAKE) --no-print-directory test-gas test-python test-e2e coverage
test-contracts: setup  ## Contract tests on Anvil
	.venv/bin/ape compile --force
	.venv/bin/ape test tests/contracts
test-gas: setup  ## No operation above its bar or 3 % over bench/results/gas.json
	@$(PY) -m bench.gas --check
test-python: test-unit test-anvil  ## Unit tests without sockets, then tests against a real Anvil
.PHONY: test-unit test-anvil
test-unit: setup
	$(call MEASURED,unit) --disable-socket --allow-unix-socket tests
# They wait more than they work: on two cores two at a time leave a third of the processor idle.
test-anvil test-e2e: WORKERS = 3
test-anvil: setup
	$(call MEASURED,anvil) tests || { [ $$? = 1 ] && $(call ALONE,anvil) tests; }
test-e2e: setup  ## The whole system
	$(call MEASURED,e2e) tests || { [ $$? = 1 ] && $(call ALONE,e2e) tests; }
scale: setup-debian  ## Ten minutes of two indexers, three matchers, four gateways on PostgreSQL, killed at random
	SCALE_SECONDS=$(or $(SECONDS),600) SCALE_COUNTS=2,3,4 timeout 1800 \
	    $(PY) -m pytest -p no:ape_test -p no:boa_test -q -s --timeout 0 tests/scale
coverage: setup  ## The branches those tests took, by package; fails below 80 %
	@$(PY) tools/coverage_gate.py
.PHONY: test-wheel
test-wheel: setup  ## The wheel's quickstart under every Python that is here; nightly
	WASMARKET_TEST_PYTHONS=all $(PYTEST) tests/packaging/test_wheel.py

.PHONY: arm64
arm64: setup  ## Lay an emulator of 64-bit Arm; run the recorded calls as Arm code
	@$(PY) tests/peer/engines/arm.py
	$(PYTEST) tests/peer/engines -k "arm or calls"

.PHONY: fuzz fuzz-contracts fuzz-model
FUZZ_EXAMPLES ?= 200
FUZZ_STEPS ?= 200
FUZZ := FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) FUZZ_STEPS=$(FUZZ_STEPS) $(PY) -m pytest -p no:ape_test -p no:boa_test --timeout=0
fuzz: setup  ## Long random games: bytecode against model, model against eager model; about half an hour
	@$(MAKE) --no-print-directory -j2 fuzz-contracts fuzz-model
fuzz-contracts:
	$(FUZZ) tests/contracts/invariant/test_market_on_boa.py
fuzz-model:
	$(FUZZ) tests/model tests/contracts/unit/test_contracts_arithmetic.py
	$(FUZZ) tests/matcher/test_api_fuzz.py tests/gateway/test_api_fuzz.py tests/peer/test_peer_api_fuzz.py

.PHONY: games
GAMES ?= 200
games: setup  ## Random games of honest programs in trouble among liars: nobody honest is fined; an hour and more
	GAMES=$(GAMES) $(PYTEST) tests/games

.PHONY: mutants
mutants: setup  ## Try every catalogued fault of the contracts: a test must fail for each; prints the survivors
	@$(PY) tests/mutants

.PHONY: gas bench-gas
gas: bench-gas  ## Measure the gas of every operation; writes bench/results/gas.json
bench-gas: setup
	@$(PY) -m bench.gas

.PHONY: bench-audits bench-choreography bench-functions bench-indexer bench-install bench-keeper bench-matcher bench-payments bench-peer bench-town
# GROUPS="calls others" measures only those and leaves the other rows with the run that measured them.
bench-install: setup  ## Time and size of an install; writes bench/results/install.json
	@$(PY) -m bench.install
bench-indexer: setup  ## Speed of the index: backfill, undo, live; writes bench/results/indexer.json
	@$(PY) -m bench.indexer
bench-matcher: setup  ## Speed and welfare of the matching engine; writes bench/results/matcher.json
	@$(PY) -m bench.matcher $(GROUPS)
bench-keeper: setup  ## A keeper of 10,000 deals: processor time of an epoch; writes bench/results/keeper.json
	@$(PY) -m bench.keeper
bench-town: setup  ## A simulated market (TOWN=small, medium, large, full); writes bench/results/town.json
	@$(PY) -m bench.town
bench-choreography: setup  ## Speed of scripts between peers, beside marine-js; writes bench/results/choreography.json
	@$(PY) -m bench.choreography $(GROUPS)
bench-audits: setup  ## Cost of checking, answering and convicting; writes bench/results/audits.json
	@$(PY) -m bench.audits $(GROUPS)
bench-functions: setup  ## Triggers, languages, first answers; writes bench/results/functions.json
	@$(PY) -m bench.functions $(GROUPS)
bench-payments: setup  ## Purchases by card, alone and while everything is killed; writes bench/results/payments.json
	@$(PY) -m bench.payments
bench-peer: setup  ## Speed of the peer beside workerd and functions-framework; writes bench/results/peer.json
	@$(PY) -m bench.peer $(GROUPS)

.PHONY: demo
demo: setup  ## The main job on a local chain; KEEP=1 leaves it running
	@$(PY) scripts/demo.py $(if $(KEEP),--keep)

.PHONY: clean
clean:  ## Remove what was built and cached here
	rm -rf .build wasmarket/serving/explorer/site .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage

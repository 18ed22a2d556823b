# Everything a person runs. Each step leaves a stamp, so that nothing is done twice.
#
#   make demo       set up, build the optimised engine, run the gateway and three services on port 8000
#   make test       set up and run every test
#   make check      format, lint, types, layout, generated files, then every test
#   make bench      Frontdesk beside nginx, HAProxy, Envoy, Traefik and Caddy; writes docs/benchmarks
#   make docs       write what is generated from the models
#   make fuzz       10 s for each fuzz target; make fuzz-long: 10 minutes for each

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# rustup installs there, and not every shell knows.
export PATH := $(HOME)/.cargo/bin:$(PATH)
# An environment that is active in the calling shell must not receive what is meant for ours.
unexport PYTHONHOME
export VIRTUAL_ENV := $(CURDIR)/.venv

BIN := .venv/bin
STAMPS := .build/stamps
RUST := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name '*.toml' -o -name '*.hash')
CRATES := --workspace --exclude frontdesk-python
FUZZ_SECONDS ?= 10
PYTEST_ARGS ?=

.PHONY: help setup build demo test test-rust test-python check lint generated bench docs fuzz fuzz-long clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(STAMPS)/python
build: $(STAMPS)/engine

$(STAMPS)/venv:
	@tools/make_venv.sh .venv
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/python: $(STAMPS)/venv requirements.lock
	@echo "==> installing Python packages (requirements.lock)"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --requirement requirements.lock
	@touch $@

$(STAMPS)/engine: $(STAMPS)/python pyproject.toml $(RUST)
	@tools/need_cargo.sh
	@echo "==> building the optimised engine (a minute or two the first time)"
	$(BIN)/maturin develop --release --locked
	@touch $@

# Real servers that some tests and the benchmark put beside the gateway. Where they cannot be installed, the tests
# that need them say so and are skipped.
$(STAMPS)/peers:
	@tools/peers.sh
	@mkdir -p $(STAMPS) && touch $@

demo: build
	$(BIN)/frontdesk demo

test: test-rust test-python

test-rust:
	@tools/need_cargo.sh
	@echo "==> tests of the engine"
	cargo test --locked $(CRATES)

test-python: build $(STAMPS)/peers
	@echo "==> tests of the package, end to end included"
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint generated test

lint: build
	@echo "==> format, lint, types, layout"
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/check_layout.py

generated: build
	@echo "==> generated files are current"
	$(BIN)/python tools/generate.py --check
	$(BIN)/python tools/lock.py --check

docs: build
	$(BIN)/python tools/generate.py

bench: build $(STAMPS)/peers
	$(BIN)/python benches/run.py

fuzz:
	tools/fuzz.sh $(FUZZ_SECONDS)

fuzz-long:
	tools/fuzz.sh 600

clean:
	rm -rf .build .venv target dist

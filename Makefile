# `make` alone lists the targets. Each makes what it needs first: a fresh checkout needs no step before.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check serve proto client lint types contract requirements soak train-model eval-model quality bench bench-gpu \
	clean bootstrap generator

# The tests start a hundred servers; each would compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PY := $(BIN)/python
# Processes of `make test`; a file of tests runs in one of them.
WORKERS ?= 2
# What `make check` runs of the tests: those that need neither a server nor a store.
QUICK := $(wildcard tests/architecture tests/unit tests/wire)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: bootstrap ## sample pictures ingested, then searched; everything from nothing
	@$(PY) -m tools.demo

test: bootstrap generator lint types contract ## everything that CI runs
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: bootstrap generator lint types contract ## the quick part of it, before a commit
	@$(PY) -m pytest $(QUICK)

serve: bootstrap ## the server, on the embedded store
	@$(BIN)/triptych-server

proto: bootstrap generator ## generates client/triptych/v1 from proto/
	@$(PY) -m tools.proto.generate

client: bootstrap ## the async client, and the list of public names, from the client
	@$(PY) -m tools.client.aio
	@$(PY) -m tools.client.surface

lint: bootstrap ## formatting and lint
	@$(BIN)/ruff format --check --quiet --output-format concise
	@$(BIN)/ruff check --quiet --output-format concise
	@echo "ruff: clean"

types: bootstrap ## mypy, strict
	@$(BIN)/mypy

contract: bootstrap generator ## the .proto files: lint, breaking changes, generated code
	@$(BIN)/buf lint
	@echo "buf lint: clean"
	@$(PY) -m tools.proto.breaking
	@$(PY) -m tools.proto.generate --check

# Pins stay as they are where they still fit: `make requirements UPGRADE=--upgrade` renews them all.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(UPGRADE)
RELEASED := $(COMPILE) --constraints requirements/dev.txt pyproject.toml requirements/build.in
requirements: bootstrap ## requirements/*.txt from pyproject.toml, pinned and hashed
	@$(COMPILE) pyproject.toml requirements/build.in --extra server --extra cpu --extra cli --extra ocr --extra dev -o requirements/dev.txt
	@$(RELEASED) --extra server --extra cpu --extra cli -o requirements/cpu.txt
	@$(RELEASED) --extra server --extra gpu --extra cli -o requirements/gpu.txt
	@$(RELEASED) --extra cli -o requirements/client.txt
	@$(COMPILE) requirements/proto.in -o requirements/proto.txt
	@$(COMPILE) requirements/oldest.in -o requirements/oldest.txt
	@$(COMPILE) requirements/model.in -o requirements/model.txt

soak: bootstrap ## long rounds of faults; writes docs/reports/soak.md
	@TRIPTYCH_SOAK=1 $(PY) -m pytest -m soak --timeout=3600

train-model: ## trains tiny-clip anew and exports it; goes on where it was stopped (over an hour)
	@tools/bootstrap.sh model
	@.venv-model/bin/python -m tools.tiny_clip.train
	@.venv-model/bin/python -m tools.tiny_clip.export

eval-model: bootstrap ## measures tiny-clip on new pictures and sentences, writes its card (minutes)
	@tools/bootstrap.sh fonts
	@$(PY) -m tools.tiny_clip.evaluate --anew

quality: bootstrap ## asks 174 questions; writes quality.md, composed.md, discovery.md in docs/reports (minutes)
	@$(PY) -m tools.quality
	@$(PY) -m tools.quality.composed
	@$(PY) -m tools.quality.discovery

bench: bootstrap ## speed, as ratios of interleaved arms; writes benchmarks/REPORT.md (most of an hour)
	@$(PY) -m benchmarks

# In an environment of its own, since onnxruntime-gpu and onnxruntime exclude each other; see the
# first lines of benchmarks/gpu.py.
GPU_PYTHON ?= python3
bench-gpu: ## speed on an NVIDIA GPU, with GPU_PYTHON; writes benchmarks/GPU_REPORT.md (nine minutes)
	@PYTHONPATH=client:server:. $(GPU_PYTHON) -m benchmarks.gpu

clean: ## removes the environments, caches and build outputs
	rm -rf .venv .venv-proto .venv-oldest .venv-model .bootstrap.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .bench dist
	find client server tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

bootstrap:
	@tools/bootstrap.sh

generator:
	@tools/bootstrap.sh proto

# Everything that one does with a checkout. `make` alone lists it.

UV_VERSION := 0.13.8
UV := .tools/uv-$(UV_VERSION)/bin/uv
SLOWEST := --durations=15 --durations-min=1
# Three files of tests at once, for they wait a quarter of their time, and a laptop or a small machine of a CI has two
# cores (tests/support/sharing.py says which never run beside each other).
TOGETHER := --numprocesses=3 --no-loadscope-reorder

# Tests start some six hundred processes: none has to compile what one before it has compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup lint test test-torch soak demo bench reference screenshots programs clean

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/installed  ## Freshet and its tools in .venv (needs Python 3.11 or newer, and a network the first time)

lint: setup  ## Style, types, the direction of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test: setup programs lint  ## Lint and all tests, against real servers that start by themselves; ARGS="-k name" for some
	.venv/bin/pytest --ignore=tests/torch $(TOGETHER) $(SLOWEST) $(ARGS)

soak: setup programs  ## Twenty times as much of what tests of kills, outages and races do in `make test`; about an hour
	FRESHET_TEST_SOAK=1 .venv/bin/pytest -m soak --timeout=3600 $(SLOWEST) $(ARGS)

test-torch: .venv-torch/installed  ## The tests that need torch, in .venv-torch (6 GB)
	.venv-torch/bin/pytest tests/torch $(SLOWEST) $(ARGS)

demo: setup  ## Kafka, the index, the worker and the search service on this machine; ARGS="--help" for options
	@.venv/bin/freshet demo $(ARGS)

bench: setup  ## Speed, freshness, quality; ARGS="--help" for options
	@.venv/bin/python -m benchmarks $(ARGS)

reference: setup  ## Write docs/reference/ and docs/contracts/ from the code
	@.venv/bin/python -m tools.reference

screenshots: setup programs  ## Take the README's pictures, of the demo at http://127.0.0.1:8080
	@.venv/bin/python -m tools.screenshots http://127.0.0.1:8080

clean:  ## Remove what the other targets made (downloads in the user's cache folder stay)
	rm -rf .venv .venv-torch .tools dist tests/logs
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

programs:
	@tools/need-test-programs

.venv/installed: requirements.lock pyproject.toml | $(UV)
.venv-torch/installed: requirements-torch.lock pyproject.toml | $(UV)

%/installed:
	test -x $*/bin/python || $(UV) venv --quiet --python "$$(tools/find-python)" $*
	$(UV) pip sync --compile-bytecode --python $*/bin/python --require-hashes $<
	$(UV) pip install --quiet --python $*/bin/python --no-deps --editable .
	touch $@

$(UV):
	python=$$(tools/find-python) && "$$python" -m venv .tools/uv-$(UV_VERSION)
	.tools/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

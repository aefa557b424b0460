# The two commands: `make demo` and `make test`. Both call `make setup`, which makes .venv in the checkout.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := shared http services/api services/preprocess services/trainer services/sampler cli
PACKAGES := pianola pianola_http pianola_api pianola_preprocess pianola_trainer pianola_sampler pianola_cli
DATA ?=
OUT ?= demo-out

# What needs no server, and of that what is not slow: the rest is left to `make test`.
UNIT_TESTS := $(addprefix tests/,codec dataset evaluation intake models)
PYTEST := $(BIN)/pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: setup demo up test unit test-containers lint format images env clean

setup: $(VENV)/.installed

$(VENV)/.installed: constraints.txt requirements-dev.txt $(DISTRIBUTIONS:%=%/pyproject.toml) shared/setup.py $(wildcard shared/native/*/*)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pianola needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt \
	  -e "shared[models,plots]" $(patsubst %,-e %,$(filter http services/%,$(DISTRIBUTIONS))) -e "cli[up,demo]"
	touch $@

# Real music -> dataset -> VAE and GAN -> MIDI files and pictures in demo-out/. Your own: make demo DATA=folder
demo: setup
	$(BIN)/pianola demo --out "$(OUT)" $(if $(DATA),--data "$(DATA)")

# What the demo made, served: the page at http://127.0.0.1:8470
up: setup
	$(BIN)/pianola up --home "$(OUT)/home"

test: setup
	tests/install-programs
	$(PYTEST)

unit: setup
	$(PYTEST) -m "not slow" $(UNIT_TESTS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES:%=-p %)
	$(BIN)/lint-imports
	find . -name Dockerfile -not -path './$(VENV)/*' -exec $(BIN)/hadolint {} +

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The images of docker-compose.yml, labelled with the commit that they are built from (and -dirty where files differ).
images:
	PIANOLA_COMMIT=$$(git describe --always --abbrev=40 --dirty) docker compose build

# The containers, really built and started: minutes, and an engine (docs/containers.md).
test-containers: setup
	PIANOLA_TEST_CONTAINERS=1 $(BIN)/pytest -q tests/containers

# Random secrets for docker-compose.yml, in .env; a file that is there stays as it is.
env:
	deploy/make-env.sh

clean:
	rm -rf $(VENV) demo-out

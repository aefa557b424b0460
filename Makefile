# The two commands: `make demo` and `make test`. Both call `make setup`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := shared services/api services/preprocess services/trainer services/sampler cli
DATA ?=

.PHONY: setup demo test lint bench clean

setup: $(VENV)/.installed

$(VENV)/.installed: constraints.txt requirements-dev.txt $(DISTRIBUTIONS:%=%/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -r requirements-dev.txt \
	  -e "shared[models,plots]" -e services/api -e services/preprocess -e services/trainer -e services/sampler -e "cli[up,demo]"
	touch $@

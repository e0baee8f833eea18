# `make quickstart` needs Python 3.11 or later and nothing else; `make test` is what has to pass before a commit.
PYTHON ?= python3
BIN := .venv/bin
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
PACKAGES := core/labelloom $(wildcard plugins/*/labelloom_*)
RUN := runs/quickstart

.PHONY: install quickstart test matrix lint docs bench clean

install: .venv/installed

# The constraints are tested pins. They name torch, too: without a pin pip takes gigabytes of CUDA packages.
.venv/installed: constraints.txt $(PROJECTS)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[sample,dev]" $(PLUGINS:%=-e %)
	touch $@

quickstart: install
	rm -rf $(RUN)
	$(BIN)/labelloom baseline arxiv-mini --output $(RUN)
	$(BIN)/labelloom train laco/minilm-clcp --output $(RUN)
	@$(BIN)/python docs/quickstart.py $(RUN)/laco-minilm-clcp/0 $(RUN)/arxiv-mini-br-svm/0

test: install lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# A part of it: make matrix SHARE=1/8
SHARE ?= 1/1
matrix: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/matrix --matrix whole --matrix-share $(SHARE) -n 2

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports

docs: install
	$(BIN)/python docs/generate.py

bench: install
	for script in benchmarks/*.py; do echo "# $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf .venv build dist

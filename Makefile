# `make` alone says what there is. Everything is kept inside this folder; `make clean` removes it.

PYTHON ?= python3
PYTEST ?= -q -n auto
TEST := .venv/bin
DEMO := .venv-demo/bin
SOURCES := $(shell find tinytorch conformance -name '*.py' 2>/dev/null)

# The measured side must not win or lose by its number of threads.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench conformance record examples packages suites figures wheel clean

help:
	@echo 'make demo         install tinytorch alone and run a PyTorch program with it: no PyTorch anywhere'
	@echo 'make test         style, types, import rules and all tests, compared with PyTorch 2.13.0'
	@echo 'make lint         the part of `make test` that runs nothing'
	@echo 'make bench        time tinytorch against PyTorch'
	@echo 'make conformance  compare with PyTorch on everything the harness has; no recorded pass may be lost'
	@echo 'make record       write anew which cases pass'
	@echo 'make examples     train every example with both libraries, 100 steps in either precision, and compare the curves'
	@echo 'make packages     run programs of transformers, lightning, GPyTorch, Pyro and others with both libraries, and compare what they print'
	@echo "make suites       run the own tests of einops, GPyTorch, zuko and others with both libraries; none that passed may be lost"
	@echo 'make figures      measure everything again and rewrite the table in README.md'
	@echo 'make wheel        build dist/*.whl'
	@echo 'make clean        remove what the other targets made'

# ----- environments: made anew when pyproject.toml changes, and only then

.venv-demo/.made: pyproject.toml
	@echo '== a virtual environment for the demonstration, with NumPy and without PyTorch'
	$(PYTHON) -m venv --clear .venv-demo
	@touch $@

.venv-demo/.installed: .venv-demo/.made $(SOURCES)
	@echo '== installing this package into it'
	$(DEMO)/python -m pip install --quiet .
	@touch $@

.venv/.made: pyproject.toml
	@echo '== a virtual environment for the tests, with PyTorch 2.13.0 (this takes minutes)'
	$(PYTHON) -m venv --clear .venv
	$(TEST)/python -m pip install --quiet torch==2.13.0
	$(TEST)/python -m pip install --quiet --editable '.[test,dev]'
	@touch $@

# ----- what they are for

demo: .venv-demo/.installed
	@echo '== is PyTorch installed here?'
	@$(DEMO)/python -c 'import importlib.util as u; print("no" if u.find_spec("torch") is None else "yes: not a demonstration"); exit(u.find_spec("torch") is not None)'
	@echo '== python -m tinytorch autograd_tutorial.py'
	@cd examples && ../$(DEMO)/python -m tinytorch autograd_tutorial.py

lint: .venv/.made
	@echo '== style'
	$(TEST)/ruff check .
	$(TEST)/ruff format --check .
	@echo '== types'
	$(TEST)/mypy
	@echo '== import rules'
	$(TEST)/lint-imports

test: lint
	@echo '== tests'
	$(TEST)/python -m pytest $(PYTEST)

bench: .venv/.made
	$(TEST)/python benchmarks/run.py

# What passes is recorded here, and none of it may be lost. `make record` writes it anew; stopped, it goes on where it was.
PASSING := conformance/data/passing.csv
COMPARE := -m conformance run --impl tinytorch --forward-mode --jobs 2 --max 100
FLOAT32 := --source all --form function,inplace,out --dtype float32
OTHERS := --source opinfo,modules,optimizers --form function,inplace,out --dtype float64,bfloat16,float16,complex64,int64,bool --samples 12

conformance: .venv/.made
	$(TEST)/python -m conformance coverage
	mkdir -p build
	$(TEST)/python $(COMPARE) $(FLOAT32) --recorded $(PASSING) --json build/float32.json --html build/float32.html
	$(TEST)/python $(COMPARE) $(OTHERS) --recorded $(PASSING) --json build/others.json --html build/others.html

# Differences end a run with status 1, which is no reason not to record; anything above is one.
record: .venv/.made
	mkdir -p build
	$(TEST)/python $(COMPARE) $(FLOAT32) --record $(PASSING) --resume build/record-float32 || test $$? -eq 1
	$(TEST)/python $(COMPARE) $(OTHERS) --record $(PASSING) --resume build/record-others || test $$? -eq 1
	rm build/record-float32 build/record-others

CURVES := $(shell grep -l 'from _running' examples/*.py)

# In single precision Adam makes steps of what is rounding error alone, such as the gradient of a key's bias in attention: there the
# printed curves are compared, and in double precision also the tensors that the programs leave.
examples: .venv/.made
	$(TEST)/python -m conformance script $(CURVES) --rtol 1e-4 --no-tensors --finish --argument=--dtype --argument=float32
	$(TEST)/python -m conformance script $(CURVES) --rtol 1e-10 --atol 1e-12 --finish --argument=--dtype --argument=float64

packages: .venv/.made
	@echo '== packages that are written for PyTorch, without their dependencies: some of them ask for torch'
	$(TEST)/python -m pip install --quiet --upgrade --no-deps --target build/packages --requirement examples/packages/requirements.txt
	PYTHONPATH=build/packages $(TEST)/python -m conformance script examples/packages/*.py --no-tensors --finish --rtol 1e-3 --atol 1e-3

suites: .venv/.made
	@echo '== the packages again, and those that only their tests need'
	$(TEST)/python -m pip install --quiet --upgrade --no-deps --target build/packages --requirement examples/packages/requirements.txt --requirement examples/suites/requirements.txt
	PYTHONPATH=build/packages:. $(TEST)/python examples/suites/suites.py --folder build/suites

figures: .venv/.made
	$(TEST)/python benchmarks/figures.py

wheel: .venv/.made
	$(TEST)/python -m build --wheel

clean:
	rm -rf .venv .venv-demo dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

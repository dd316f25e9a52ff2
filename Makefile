# make demo     build .venv, install, run the regression study in its quick setting
# make test     build what the tests need and run every test
# make check    format, lint, types, import contracts
# make docs     the documentation site in build/site: slides, pages, and each page looked at in a browser
# make slides   slides of the course's lectures in build/slides
# make linkcheck  the links of the documentation to other sites (needs a network)
# make wheel-check  build source distribution and wheel into dist/, use the wheel in a fresh environment
# make bench    layers, a classifier and its epochs against other packages (those of the extra `bench` that are
#               installed, and efficient-kan if EFFICIENT_KAN_DIR names a checkout), kernels, threads, memory, start-up,
#               formulas
# make baselines  the estimators against scikit-learn's, on functions and data (about an hour)
# make formulas  twenty-four formulas found from samples by splinekan and, where it is installed, by pykan (hours)
# make coverage how often confidence bands cover the truth, in simulations (about ten minutes)
# make fuzz     50,000 generated calls of everything public, and a table of how they end
# make faults   kills, full disks, damaged checkpoints, outputs that cannot be written
# make mutants  mistakes put into the source one at a time, and whether the tests notice (installs cosmic-ray)
PYTHON ?= python3
VENV ?= .venv
SEED ?= 0
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
INTERPRETER := $(BIN)/python$(if $(filter Windows_NT,$(OS)),.exe)
SPHINX := $(BIN)/python -m sphinx --jobs auto --fail-on-warning --keep-going --doctree-dir build/doctrees

.PHONY: demo test docs slides linkcheck bench baselines formulas coverage fuzz faults mutants check wheel-check clean

$(INTERPRETER):
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml setup.py | $(INTERPRETER)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: pyproject.toml setup.py | $(INTERPRETER)
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@ $(VENV)/.base

$(VENV)/.docs: pyproject.toml setup.py | $(INTERPRETER)
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	@touch $@ $(VENV)/.base

demo: $(VENV)/.base
	$(BIN)/splinekan study regression --quick --figure results/regression.png \
	    --json results/regression.json --force

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile

docs: slides
	rm -rf build/site build/doctrees docs/reference/generated
	$(SPHINX) --builder html docs build/site
	$(BIN)/python -m pytest docs/checks -n auto --dist loadgroup

slides: $(VENV)/.docs
	$(BIN)/python notebooks/slides.py --sharp --output build/slides

linkcheck: $(VENV)/.docs
	$(SPHINX) --builder linkcheck docs build/linkcheck

fuzz: $(VENV)/.test
	PYTHONPATH=tests $(BIN)/python -m fuzz --seed $(SEED)

bench: $(VENV)/.base
	$(BIN)/python benchmarks/layers.py
	$(BIN)/python benchmarks/layers.py --samples 65536 --grids 5 320 --parts table flatness rate
	$(BIN)/python benchmarks/classifier.py
	$(BIN)/python benchmarks/epoch.py --threads 1
	$(BIN)/python benchmarks/epoch.py --threads 2
	$(BIN)/python benchmarks/kernels.py
	$(BIN)/python benchmarks/pinn.py
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/threads.py
	$(BIN)/python benchmarks/solvers.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/formulas.py --quick

baselines: $(VENV)/.test
	$(BIN)/python benchmarks/baselines.py --markdown

formulas: $(VENV)/.base
	$(BIN)/python benchmarks/formulas.py --markdown

coverage: $(VENV)/.base
	$(BIN)/python benchmarks/bands.py --markdown

mutants: $(VENV)/.test
	$(BIN)/python -m pip install --quiet cosmic-ray
	$(BIN)/python tests/mutants.py

faults: $(VENV)/.test
	$(BIN)/python tests/faults/campaign.py

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel-check: $(INTERPRETER)
	$(BIN)/python tests/wheel.py

clean:
	rm -rf $(VENV) build dist results docs/notebooks docs/theory docs/repository docs/reference/generated
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

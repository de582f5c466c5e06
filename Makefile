# Everything is set up in a virtual environment of its own: nothing but Python 3.11 or newer is needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo test cluster lint format docs page screenshots bench rig fuzz lock audit sbom paper clean

help:  ## List what can be made.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

demo: $(VENV)/ready  ## Develop the samples, and say where the pictures are.
	@$(BIN)/crispnet develop samples --output $(DEMO) --overwrite
	@echo "The pictures above are in $(CURDIR)/$(DEMO). Next: $(BIN)/crispnet develop YOUR.DNG"

test: $(VENV)/ready-dev  ## Run the tests.
	@$(BIN)/python -m pytest -n auto --dist worksteal

cluster: $(VENV)/ready-dev  ## Run the tests on a Ray cluster of several nodes on this machine.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[cluster]"
	@$(BIN)/python -m pytest -m cluster

lint: $(VENV)/ready-dev  ## Check style, types and the import law.
	@$(BIN)/ruff check src tests benchmarks docs samples supply
	@$(BIN)/ruff format --check src tests benchmarks docs samples supply
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/ready-dev  ## Lay out the code.
	@$(BIN)/ruff check --fix src tests benchmarks docs samples supply
	@$(BIN)/ruff format src tests benchmarks docs samples supply

docs: $(VENV)/ready-dev  ## Make anew the pages that are made: the command line, results, cards of looks.
	@$(BIN)/python docs/make_cli.py > docs/cli.md
	@$(BIN)/python benchmarks/report.py --write
	@$(BIN)/python benchmarks/reliability.py --write
	@$(BIN)/python docs/make_cards.py

page: $(VENV)/ready-dev  ## Try the page in a browser ten times in a row, with a raw of your own; RAW=file.
	@for each in 1 2 3 4 5 6 7 8 9 10; do CRISPNET_RAW=$(RAW) $(BIN)/python -m pytest -q tests/serve/test_page.py || exit 1; done

screenshots: $(VENV)/ready-dev  ## Take the pictures of the page in docs/page, with Chromium.
	@$(BIN)/python docs/make_screenshots.py

paper:  ## Make the paper's experiments, tables and figures; PHOTOS=folders. Ten hours on two cores.
	@./paper.sh $(PHOTOS)

bench: $(VENV)/ready-dev  ## Measure developing beside the raw developers that are installed; RAW=file.
	@$(BIN)/python benchmarks/develop.py $(RAW)

rig: $(VENV)/ready-dev  ## Run the monitor rig with a virtual camera and planted faults; PHOTOS=folder. Needs chromium and its driver.
	@$(BIN)/python benchmarks/rig.py $(PHOTOS) --write results/rig.json

fuzz: $(VENV)/ready-dev  ## Give damaged files to every reader, and kill trainings: an hour or two; it goes on where it was stopped.
	@$(BIN)/python benchmarks/fuzz.py
	@$(BIN)/python benchmarks/kills.py

lock: $(VENV)/ready-dev  ## Lock what development needs, with hashes, in requirements-dev.txt.
	@$(BIN)/uv pip compile --quiet --extra dev --generate-hashes --no-emit-index-url --strip-extras --no-header \
		--universal --python-version 3.11 --output-file requirements-dev.txt pyproject.toml

audit: $(VENV)/ready-dev  ## Look the locked packages up in the advisories, where those can be reached.
	@$(BIN)/python supply/audit.py

sbom: $(VENV)/ready-dev  ## List the locked packages in sbom.json (CycloneDX).
	@$(BIN)/cyclonedx-py requirements requirements-dev.txt --output-file sbom.json
	@echo "sbom.json lists what requirements-dev.txt locks."

clean:  ## Remove the virtual environment and the demo's pictures.
	rm -rf $(VENV) $(DEMO)

$(VENV)/ready: pyproject.toml
	@$(call setup,.)
	@touch $@

$(VENV)/ready-dev: pyproject.toml
	@$(call setup,.[dev])
	@touch $@ $(VENV)/ready

define setup
	test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found."; exit 1; }; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Try: make $@ PYTHON=/path/to/python3.11"; exit 1; }; \
	test -x $(BIN)/python || { echo "Setting up $(VENV) ..."; "$(PYTHON)" -m venv $(VENV); }; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable "$(1)"
endef

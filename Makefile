# Only relative paths are used, so that a checkout in a path with spaces works.
VENV  := .venv
RUN   := $(VENV)/bin/python
STAMP := $(VENV)/.set-up
ARGS  ?=

.DEFAULT_GOAL := help
.PHONY: help setup train test test-all test-nightly lint hashes clean

help: ## show this list
	@echo 'Monozukuri: make TARGET [ARGS="..."]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name what; do \
	  printf '  %-12s %s\n' "$$name" "$$what"; done

setup: $(STAMP) ## make .venv with everything pinned in constraints.txt
	@:

train: $(STAMP) ## learn to load a chuck; ARGS="--task Reach --seed 1" for another run
	@$(RUN) -m experiments.train $(ARGS)

test: lint ## lint, type check, then the quick tests
	@$(RUN) -m pytest -q -n 2 -m "not slow" $(ARGS)

test-all: lint ## lint, type check, then every test but those of a night
	@$(RUN) -m pytest -q -n 2 -m "not nightly" $(ARGS)

test-nightly: lint ## what takes an hour or more
	@$(RUN) -m pytest -q -m nightly $(ARGS)

lint: $(STAMP) ## ruff and mypy
	@$(RUN) -m ruff check --quiet
	@$(RUN) -m ruff format --check --quiet || \
	  { echo 'Not formatted as above: run $(RUN) -m ruff format' >&2; exit 1; }
	@$(RUN) -m mypy --no-error-summary

hashes: $(STAMP) ## write requirements.txt, pinned with hashes for this platform (pip install --require-hashes)
	@$(RUN) -m pip install -qq --disable-pip-version-check --dry-run --ignore-installed --report .report.json \
	  -c constraints.txt '.[learn,dev]'
	@$(RUN) tools/hashes.py < .report.json > requirements.txt && rm -f .report.json
	@wc -l requirements.txt

clean: ## remove .venv and caches (never runs/)
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A Python counts only if it runs: pyenv leaves shims on PATH that do not.
# The stamp is written last, so an interrupted set-up starts afresh.
$(STAMP): pyproject.toml constraints.txt
	@is() { "$$1" -c "import sys; sys.exit(not sys.version_info[:2] $$2)" >/dev/null 2>&1; }; \
	python=; \
	for p in python3.11 python3; do \
	  if is "$$p" '== (3, 11)'; then python=$$p; break; fi; done; \
	if [ -z "$$python" ]; then \
	  for p in python3.12 python3.13 python3.14 python3; do \
	    if is "$$p" '>= (3, 12)'; then python=$$p; break; fi; done; \
	  [ -z "$$python" ] || echo "No Python 3.11: $$($$python -V) will do, but PyBullet 3.2.7 has" \
	    "Linux x86-64 wheels up to 3.11 only; building it takes some minutes and g++." >&2; \
	fi; \
	if [ -z "$$python" ]; then \
	  echo 'Monozukuri needs Python 3.11 or newer: found none that runs on PATH.' >&2; exit 2; fi; \
	[ -f $(STAMP) ] || "$$python" -m venv --clear $(VENV)
	@echo 'Setting up $(VENV) (a few minutes the first time)'
	@$(RUN) -m pip install -qq --disable-pip-version-check -c constraints.txt --upgrade pip setuptools
	@$(RUN) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[learn,dev]'
	@touch $(STAMP)

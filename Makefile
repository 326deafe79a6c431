# setup, demo, test, check, bench, serve, worker, messages, lock: the same words here, in the README and in CI.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
DATA ?= onet
SERVE ?= 1
HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= 2
# Requests that a worker answers at a time. 1 is a quarter faster for predictions alone, but a slow page then stops its worker.
THREADS ?= 2
POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/test

.PHONY: help setup demo demo-onet demo-company promotion monitoring faults test test-sqlite test-postgres check bench serve worker messages lock

help:
	@echo "make setup    install into .venv (Python 3.11 or later)"
	@echo "make demo     the whole cycle on real data, then the pages (SERVE=0: without serving; DATA=company: simulated)"
	@echo "make promotion  v1 refused, v2 and v3 into production, rollback: on real data, as the people who decide"
	@echo "make test     the whole test suite"
	@echo "make check    style, types, architecture, migrations"
	@echo "make faults   kill -9 and races, FAULTS=200 times each, on both databases"
	@echo "make bench    benchmarks (docs/benchmarks.md)"
	@echo "make serve    the pages on http://$(HOST):$(PORT)/"
	@echo "make worker   what does the background tasks that pages ask for: prediction campaigns"
	@echo "make monitoring production watched on the real periods as they came: campaigns, drift, accuracy, retraining"
	@echo "make messages collect and compile the translations"
	@echo "make lock     write the requirements files again"

# --- Installation: everything in .venv, every package checked against its hash ------------------------------------------
setup: .venv/base

.venv/base: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -c 'import pathlib, site; pathlib.Path(site.getsitepackages()[0], "future_skills_checkout.pth").write_text(str(pathlib.Path.cwd()) + "\n")'
	@touch $@

.venv/dev: requirements-dev.txt .venv/base
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# --- The main job, end to end -------------------------------------------------------------------------------------------
demo: setup demo-$(DATA)

demo-onet:
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py import_snapshots examples/onet/onet_snapshots.parquet
	$(BIN)/python manage.py export_future_skills_dataset
	@$(MAKE) demo-versions
	@$(MAKE) demo-pages

demo-company: export DATABASE_URL := sqlite:///$(CURDIR)/var/company/db.sqlite3
demo-company: export FUTURE_SKILLS_ARTIFACTS := $(CURDIR)/var/company/artifacts
demo-company: export FUTURE_SKILLS_ML := $(CURDIR)/var/company/ml
demo-company:
	@mkdir -p var/company
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py load_demo_company
	$(BIN)/python manage.py export_future_skills_dataset
	@$(MAKE) demo-versions
	@echo "This demo has its own database and folders. To use it in a terminal:"
	@echo "  export DATABASE_URL=$$DATABASE_URL FUTURE_SKILLS_ARTIFACTS=$$FUTURE_SKILLS_ARTIFACTS FUTURE_SKILLS_ML=$$FUTURE_SKILLS_ML"
	@$(MAKE) demo-pages

# A version is written once: those that a first run made are kept by a second one.
.PHONY: demo-versions demo-pages
demo-versions:
	@if $(BIN)/python manage.py registry show v1 >/dev/null 2>&1; then echo "v1 is there already."; else set -x; \
	  $(BIN)/python ml/train_future_skills_model.py --version v1 --notes "Référence : les 11 caractéristiques"; fi
	@if $(BIN)/python manage.py registry show v2 >/dev/null 2>&1; then echo "v2 is there already."; else set -x; \
	  $(BIN)/python ml/train_future_skills_model.py --version v2 --features history --n-estimators 300 \
	    --changes "Ajoute l'historique du besoin et les métiers proches"; fi
	$(BIN)/python ml/evaluate_future_skills_models.py
	$(BIN)/python manage.py registry compare v1 v2
	$(BIN)/python manage.py registry diagnose v2
	$(BIN)/python manage.py registry render
	$(BIN)/python manage.py registry list
	@echo
	@echo "Done. Where to look:"
	@printf '  %-42s %s\n' "$${FUTURE_SKILLS_ML:-ml}/MODEL_REGISTRY.md" "the registry, in one page"
	@printf '  %-42s %s\n' "$${FUTURE_SKILLS_ML:-ml}/future_skills_model_v2.json" "the manifest of v2"
	@printf '  %-42s %s\n' "$${FUTURE_SKILLS_ML:-ml}/evaluation/" "both versions and the baselines on the same rows"
	@printf '  %-42s %s\n' "ml/MLOPS_GUIDE.md" "the guide"
	@echo "To log in on the pages: $(BIN)/python manage.py create_demo_people makes people of every role, and prints their passwords."

# Begins anew each time, in a database and folders of its own.
PROMOTION ?= $(CURDIR)/var/promotion
promotion: export DATABASE_URL := sqlite:///$(PROMOTION)/db.sqlite3
promotion: export FUTURE_SKILLS_VAR := $(PROMOTION)
promotion: export FUTURE_SKILLS_ML := $(PROMOTION)/ml
promotion: export FUTURE_SKILLS_ACTOR := camille
promotion: setup
	@rm -rf "$(PROMOTION)" && mkdir -p "$(PROMOTION)"
	@$(MAKE) demo-onet SERVE=0
	@$(BIN)/python examples/promotion_walkthrough.py

# Production watched on the real periods as they came; in a database and folders of its own.
MONITORING ?= $(CURDIR)/var/monitoring
monitoring: export DATABASE_URL := sqlite:///$(MONITORING)/db.sqlite3
monitoring: export FUTURE_SKILLS_VAR := $(MONITORING)
monitoring: export FUTURE_SKILLS_ML := $(MONITORING)/ml
monitoring: export FUTURE_SKILLS_ACTOR := camille
monitoring: setup
	@rm -rf "$(MONITORING)" && mkdir -p "$(MONITORING)/ml"
	@$(BIN)/python examples/monitoring_walkthrough.py

demo-pages:
	@if [ "$(SERVE)" != 0 ]; then $(MAKE) serve; else printf '  %-42s %s\n' "make serve" "the pages"; fi

serve: setup
	@$(BIN)/python manage.py migrate --verbosity 0
	@echo "http://$(HOST):$(PORT)/ (Ctrl-C stops)"
	@$(BIN)/granian --interface wsgi --host $(HOST) --port $(PORT) --workers $(WORKERS) --blocking-threads $(THREADS) \
	  --respawn-failed-workers --workers-kill-timeout 30 --no-access-log config.wsgi:application

worker: setup
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py worker

# --- Tests --------------------------------------------------------------------------------------------------------------
test: .venv/dev test-postgres test-sqlite

# PostgreSQL first, and only what touches the database; then everything on SQLite.
test-postgres: .venv/dev
	@code=0; $(BIN)/python -m tests.postgres "$(POSTGRES_URL)" || code=$$?; \
	if [ $$code = 0 ]; then DATABASE_URL="$(POSTGRES_URL)" $(BIN)/pytest -n 2 tests/apps tests/journeys tests/faults; \
	elif [ $$code != 3 ]; then exit $$code; fi

test-sqlite: .venv/dev
	$(BIN)/pytest -n 2

# Kill -9 at random moments, sixteen processes at once, and promotion in any order: many times over.
faults: export FAULTS ?= 200
faults: .venv/dev
	DATABASE_URL="$(POSTGRES_URL)" $(BIN)/pytest -s tests/faults tests/apps/registry/test_promotion_machine.py
	$(BIN)/pytest -s tests/faults tests/apps/registry/test_promotion_machine.py
	SWITCHES=25 CLIENTS=16 $(BIN)/pytest -s tests/journeys/test_serving.py -k switch_reaches

check: .venv/dev
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run --verbosity 0

bench: setup
	@for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark; done

# --- For maintainers ----------------------------------------------------------------------------------------------------
messages: .venv/dev
	$(BIN)/python manage.py makemessages --locale fr --no-location --no-wrap
	$(BIN)/python manage.py compilemessages --locale fr --ignore .venv

# Needs uv. No address of a package index is written; --python-version is the oldest Python supported.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --no-annotate --quiet --output-file requirements-dev.txt
	uv pip compile pyproject.toml --extra postgres --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --no-annotate --quiet --constraint requirements-dev.txt --output-file requirements.txt

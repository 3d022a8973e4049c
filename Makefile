# `make help` lists what there is. Needs Python 3 with pip, and make; everything else is fetched into .venv.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)

PYTEST := pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

SWITCHES := $(if $(SOURCE),--source "$(SOURCE)") $(if $(SCALE),--scale "$(SCALE)") $(foreach s,$(SET),-S "$(s)")

.PHONY: help setup serve-setup checks-setup run test test-all test-times test-modern mutants lint format bench-data bench-train bench-evaluate bench-predict bench-serve lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## install the locked environment into .venv (done by run and test, too)
	@python3 infra/bootstrap.py

run: setup ## run the workflow: make run [SOURCE=DIR] [SCALE=demo|laptop|full] [SET="knob=value ..."]
	@glioflow run $(SWITCHES)

serve-setup: ## install the server's environment into .venv-serving (done by test, too)
	@python3 infra/bootstrap.py serving

checks-setup: ## install what the files for clusters are checked with, into .venv-checks (done by test, too)
	@python3 infra/bootstrap.py checks

test: setup serve-setup checks-setup lint ## lint, types, and the tests of what a change to this project's code can break
	@$(PYTEST) -m "not nightly" $(TESTS)

test-all: setup serve-setup checks-setup lint ## the same, and what only a night can afford: make test-all [TESTS=PATH]
	@$(PYTEST) $(TESTS)

test-times: setup serve-setup checks-setup ## CPU seconds of each test and file, children included: make test-times [TESTS=PATH]
	@$(PYTEST) -m "not nightly" --times 60 $(TESTS)

test-modern: serve-setup checks-setup ## all tests in the modern lane, in a Debian 13 root (needs root, debootstrap): make test-modern [TESTS=PATH]
	@python3 infra/modern.py test $(TESTS)

mutants: setup ## put faults into the code that decides, and see the tests find them: make mutants [ONLY=MODULE]
	@python tests/mutants $(ONLY)

lint: setup ## formatting, lint, types
	@ruff format --check --quiet .
	@ruff check --quiet .
	@mypy

format: setup ## rewrite the code in the project's format
	@ruff format --quiet .
	@ruff check --quiet --fix .

bench-data: setup ## time and memory of ingest and convert: make bench-data [SOURCE=DIR]
	@python benchmarks/data.py $(if $(SOURCE),--source "$(SOURCE)")

bench-train: setup ## speed and memory of the trainings: make bench-train SOURCE=DIR (kaggle_3m pictures)
	@python benchmarks/training.py --source "$(SOURCE)"

bench-evaluate: setup ## time and memory of evaluation: make bench-evaluate SOURCE=DIR
	@python benchmarks/evaluation.py --source "$(SOURCE)"

bench-predict: setup ## speed and memory of prediction: make bench-predict SOURCE=DIR (kaggle_3m pictures) [MODEL=reference]
	@python benchmarks/prediction.py --source "$(SOURCE)" $(if $(MODEL),--model "$(MODEL)")

bench-serve: setup serve-setup ## load test of the server: make bench-serve MODEL=DIR
	@python benchmarks/serving.py --model "$(MODEL)"

lock: setup ## resolve pyproject.toml anew into requirements.lock (both lanes), and the other environments'
	@UV="$$(command -v uv || echo .tools/bin/uv)"; \
	"$$UV" lock --quiet --upgrade && "$$UV" export --quiet --format requirements-txt --no-emit-project -o requirements.lock && \
	for room in serving checks; do \
		"$$UV" pip compile --quiet --upgrade --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes \
		--no-emit-index-url --no-header -o "infra/$$room/requirements.lock" "infra/$$room/requirements.in"; \
	done

clean: ## remove what the workflow made (data, models, reports), not the registry and not .venv
	rm -rf data artifacts reports dvc.lock

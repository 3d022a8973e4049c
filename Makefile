# `make help` lists the targets. Needs only make and Python 3 with pip; everything else is installed into .venv.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)

PYTEST := pytest @tests/parallel.args
# A night of Argo's pods is one test, and takes longer than pyproject.toml lets a test hang.
PATIENT := -o faulthandler_timeout=7200
NIGHT := --hypothesis-profile night $(PATIENT)

# Values from the user travel in the environment, verbatim: in a recipe, make would expand a $ in them, and the shell even more.
override export SOURCE := $(value SOURCE)
override export SET := $(value SET)
override export MODEL := $(value MODEL)
override export BASE := $(value BASE)
override export TAG := $(value TAG)
GIVEN_SOURCE := $${SOURCE:+--source "$$SOURCE"}
GIVEN_MODEL := $${MODEL:+--model "$$MODEL"}

.PHONY: help setup predict-setup checks-setup review-setup run test test-nightly test-all test-times test-modern images test-images mutants lint format bench-data bench-train bench-evaluate bench-predict bench-serve lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

setup: ## install the locked environment into .venv (run and test do this, too)
	@python3 infra/bootstrap.py

run: setup ## run the workflow: make run [SOURCE=DIR] [SCALE=demo|laptop|full] [SET="name=value ..."]
	@glioflow run $(GIVEN_SOURCE) $(if $(SCALE),--scale "$(SCALE)") $${SET:+--settings "$$SET"}

predict-setup: ## install what predict and serve need, and no more, into .venv-predict (test does this, too)
	@python3 infra/bootstrap.py predict

checks-setup: ## install the tools that check the cluster files into .venv-checks (test does this, too)
	@python3 infra/bootstrap.py checks

review-setup: ## fetch the viewer of `glioflow review` from npm into .tools (test does this, too)
	@python3 infra/review.py

test: setup predict-setup checks-setup review-setup lint ## lint, types, and the tests of what a change to this code can break: make test [TESTS=PATH]
	@$(PYTEST) -m "not nightly" -rs $(TESTS)

# A run that has to end is compared with others, so it looks for no new examples.
test-nightly: setup predict-setup checks-setup review-setup ## what only a night can afford: make test-nightly [TESTS=PATH] [UNTIL=EPOCH]
	@$(PYTEST) $(if $(UNTIL),-m nightly --until $(UNTIL),-m "nightly or hypothesis" $(NIGHT)) -rs $(TESTS)

test-all: setup predict-setup checks-setup review-setup lint ## lint, types, both tiers: make test-all [TESTS=PATH]
	@$(PYTEST) $(NIGHT) -rs $(TESTS)

test-times: setup predict-setup checks-setup review-setup ## CPU seconds of each test and file, children included: make test-times [TESTS=PATH]
	@$(PYTEST) -m "not nightly" --times 60 $(TESTS)

test-modern: predict-setup checks-setup review-setup ## the same tests in the modern stack, in a Debian 13 root (needs root, debootstrap): make test-modern [TESTS=PATH]
	@python3 infra/modern.py test -m "not nightly" $(TESTS)

images: ## build the images with buildah or Docker: make images [ONLY="cpu predict"] [BASE=IMAGE] [TAG=VERSION]
	@python3 infra/images.py $(ONLY)

test-images: setup ## build the images and run the whole workflow of Argo in them (needs root, buildah, podman, runc, debootstrap)
	@pytest -m nightly $(PATIENT) -rs -s tests/images

mutants: setup ## put faults into decision code and see whether the tests find them: make mutants [ONLY=MODULE]
	@python tests/mutants $(ONLY)

lint: setup ## check formatting, lint, types and dependencies; pre-commit runs the same
	@ruff format --check --quiet .
	@ruff check --quiet .
	@mypy
	@deptry components models pipelines
	@deptry --non-dev-dependency-groups dev --ignore DEP001 benchmarks components docs infra models pipelines tests

format: setup ## format the code and fix what lint can fix
	@ruff format --quiet .
	@ruff check --quiet --fix .

bench-data: setup ## time and memory of ingest and convert: make bench-data [SOURCE=DIR]
	@python benchmarks/data.py $(GIVEN_SOURCE)

bench-train: setup ## speed and memory of the trainings: make bench-train SOURCE=DIR (kaggle_3m pictures)
	@python benchmarks/training.py --source "$$SOURCE"

bench-evaluate: setup ## time and memory of evaluation: make bench-evaluate SOURCE=DIR
	@python benchmarks/evaluation.py --source "$$SOURCE"

bench-predict: setup ## speed and memory of prediction: make bench-predict SOURCE=DIR (kaggle_3m pictures) [MODEL=reference]
	@python benchmarks/prediction.py --source "$$SOURCE" $(GIVEN_MODEL)

bench-serve: setup ## load test of the server: make bench-serve MODEL=DIR
	@python benchmarks/serving.py --model "$$MODEL"

lock: ## resolve every environment from scratch, for both stacks, and say what changed
	@python3 infra/lock.py

clean: setup ## remove what the workflow made; scans, the ledger of splits, the registry and .venv stay
	@glioflow clean

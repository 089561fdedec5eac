# Every chore of the project. `make demo` and `make test` need Python 3.11 or newer and make, and install the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
# What runs the dependencies of users, at their lowest; the tools that test them are the newest, for old ones have
# faults of their own. Generation pins its own dependencies, and jobs, which take long, add no others.
LOWEST := tests/adversary/test_*.py tests/auth tests/cli tests/facade tests/faults tests/sandbox tests/unit \
	--ignore tests/adversary/test_kills.py --ignore tests/adversary/test_troubled_jobs.py
# A worker that has run its tests takes some of another's. With more workers than this, starting them costs the most.
PARALLEL := -n auto --maxprocesses 8 --dist worksteal
QUICK := tests/architecture tests/auth tests/facade tests/unit
.PHONY: help demo demo-cluster test quick check quality lint types drift wheel docs dist extras lowest release generate documents reference man bench bench-check soak fuzz kills format clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 14

demo: $(VENV)/.runtime ## Provision a thousand users against the sandbox, under faults
	$(BIN)/aiosymphony demo

demo-cluster: $(VENV)/.development ## Provision 20,000 users by four workers that are killed and stopped, over PostgreSQL
	$(BIN)/python -m tests.e2e.cluster_demo

test: $(VENV)/.development ## Run all tests, on all cores
	$(BIN)/python -m pytest $(PARALLEL)

quick: $(VENV)/.development ## Run the tests of units, facade, logins and architecture, in half a minute
	$(BIN)/python -m pytest $(PARALLEL) $(QUICK)

check: quality test ## Run what continuous integration runs

quality: lint types drift wheel ## Check everything but the tests

lint: $(VENV)/.development ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.development ## Check types: handwritten, generated, and in the programs of the documents
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -m pytest --quiet tests/typing

drift: $(VENV)/.development ## Check that generated/ is what specs/ and codegen/ make
	./codegen.sh --check

wheel: $(VENV)/.development ## Build the wheel and import it in an environment of its own
	rm -rf build/wheel
	$(BIN)/python -m pip --quiet wheel --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip --quiet install "$$(ls build/wheel/*.whl)[cli,fast,sandbox,httpx]"
	cd build/wheel && venv/bin/python -I ../../tests/wheel.py

docs: $(VENV)/.docs ## Build the site into build/site, strictly, and list the links that leave it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python -m website.links build/site > build/external-links.txt

lowest: $(VENV)/.development ## Run the tests of transports, facade and command line at the lowest supported versions
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/lowest
	VIRTUAL_ENV=$(CURDIR)/build/lowest $(BIN)/uv pip install --quiet --resolution lowest-direct \
		--editable '.[cli,fast,sandbox,httpx,otel,postgres,xlsx,yaml]'
	VIRTUAL_ENV=$(CURDIR)/build/lowest $(BIN)/uv pip freeze --quiet --exclude-editable > build/lowest/held.txt
	VIRTUAL_ENV=$(CURDIR)/build/lowest $(BIN)/uv pip install --quiet --constraint build/lowest/held.txt --group dev
	build/lowest/bin/python -m pytest -p no:cacheprovider $(PARALLEL) $(LOWEST)

# W002: versions of an API have models in common, each in its own package.
dist: $(VENV)/.development ## Build sdist and wheel into dist/, and check them
	rm -rf dist build/from-sdist
	$(BIN)/uv build --quiet --sdist --wheel --out-dir dist
	$(BIN)/uv build --quiet --wheel --out-dir build/from-sdist dist/*.tar.gz
	$(BIN)/python -m tests.same_wheel dist/*.whl build/from-sdist/*.whl
	$(BIN)/uvx --quiet 'twine>=6' check --strict dist/*
	$(BIN)/uvx --quiet 'check-wheel-contents>=0.6' --ignore W002 --toplevel aiosymphony,aiosymphony_api dist/*.whl

# Each extra by itself, at the lowest and at the newest versions of what it and the SDK depend on.
EXTRAS ?= none cli fast httpx otel postgres sandbox uvloop xlsx yaml
extras: $(VENV)/.development ## Install the wheel of dist/ with each extra alone, lowest and newest, and use it
	@test -e dist/*.whl || { echo "no wheel: run make dist first" >&2; exit 64; }
	@set -e; for resolution in lowest-direct highest; do for extra in $(EXTRAS); do \
		name=$$(echo $$extra | grep -v none || true); \
		$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/extras; \
		VIRTUAL_ENV=$(CURDIR)/build/extras $(BIN)/uv pip install --quiet --resolution $$resolution \
			"$$(ls $(CURDIR)/dist/*.whl)$${name:+[$$name]}"; \
		printf '%s ' $$resolution; build/extras/bin/python -I -W error tests/extras.py $$name; \
	done; done

generate: $(VENV)/.development ## Regenerate generated/ from specs/
	./codegen.sh

documents: $(VENV)/.development ## Try the generator on published documents; needs npm and the network, takes an hour
	$(BIN)/python -m tests.codegen.public_documents

reference: $(VENV)/.development ## Write the generated part of docs/command-line.md
	sed -i '/^## Global options$$/,$$d' docs/command-line.md
	$(BIN)/python -m aiosymphony.cli.reference >> docs/command-line.md

man: $(VENV)/.development ## Write the man page, build/man/aiosymphony.1
	mkdir -p build/man
	$(BIN)/python -m aiosymphony.cli.reference --man > build/man/aiosymphony.1

bench: $(VENV)/.development ## Compare with other clients, as ratios, and write docs/performance.md; ten minutes at most
	$(BIN)/python -m benchmarks.performance $(RUNS)

bench-check: $(VENV)/.development ## Check that a call takes no more instructions than the tree's figures, by 5 %
	$(BIN)/python -m benchmarks.instructions --check

soak: $(VENV)/.development ## Send 200,000 requests under faults and watch memory, descriptors and tasks
	$(BIN)/python -m tests.faults.soak --requests 200000
	$(BIN)/python -m tests.faults.soak --requests 200000 --transport fast

fuzz: $(VENV)/.development ## Feed a million damaged answers to the fast transport, in a few minutes
	$(BIN)/python -m tests.faults.fuzz --answers 1000000

kills: $(VENV)/.development ## Kill jobs and workers, 40 and 100 times, against a tenant that misbehaves; takes an hour
	$(BIN)/python -m tests.adversary.kills --rows 1500 --kills 40
	$(BIN)/python -m tests.adversary.worker_kills --rows 10000 --kills 100 --workers 4

format: $(VENV)/.development ## Format the handwritten code
	$(BIN)/ruff check --fix-only --quiet . || true
	$(BIN)/ruff format .

clean: ## Remove what can be made again
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "aiosymphony needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 64; }
	$(PYTHON) -m venv $(VENV)

# An environment that somebody made before has the pip of its Python, which may know no groups.
$(VENV)/.pip: | $(VENV)/bin/python
	$(BIN)/python -m pip --quiet install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.runtime: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip --quiet install --editable '.[cli,sandbox]'
	@touch $@

$(VENV)/.development: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip --quiet install --editable '.[cli,fast,sandbox,httpx,otel,postgres,xlsx,yaml]' --group dev --group peer
	@touch $@ $(VENV)/.runtime

release: $(VENV)/.development ## Release what is on main: make release VERSION=1.2.3
	@test -n "$(VERSION)" || { echo "make release VERSION=1.2.3" >&2; exit 64; }
	@test -z "$$(git status --porcelain)" || { echo "the tree has changes: commit them first" >&2; exit 64; }
	@test "$$(git branch --show-current)" = main || { echo "releases are made on main" >&2; exit 64; }
	$(BIN)/uvx --quiet 'towncrier>=25.8' build --yes --version $(VERSION)
	sed -i '/^## Unreleased$$/,+1d' CHANGELOG.md
	echo '__version__ = "$(VERSION)"' > src/aiosymphony/_version.py
	$(MAKE) dist
	git add --all
	git commit --quiet --message "Release $(VERSION)"
	git tag --annotate --message "Release $(VERSION)" v$(VERSION)
	@echo "Look at it with git show, then: git push --follow-tags"

$(VENV)/.docs: pyproject.toml | $(VENV)/.development
	$(BIN)/python -m pip --quiet install --group docs
	@touch $@

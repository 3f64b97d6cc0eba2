"""The data that firmware hands to the kernel: ACPI tables and the device tree."""

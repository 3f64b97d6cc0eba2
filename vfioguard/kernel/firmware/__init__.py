"""What firmware handed to the kernel: ACPI tables and the devicetree."""

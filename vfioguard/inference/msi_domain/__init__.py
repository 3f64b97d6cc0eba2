"""Which MSI domain a device has, and whether it isolates."""

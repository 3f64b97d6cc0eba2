"""The MSI domain of a device, and whether it isolates."""

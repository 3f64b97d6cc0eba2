"""The answers of `vfioguard explain` about a device, and about a symptom."""

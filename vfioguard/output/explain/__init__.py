"""What `vfioguard explain` says of a device and of a symptom."""

"""The facts of devices, for people and for scripts."""

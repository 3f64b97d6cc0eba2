"""The senses notice that the host may have changed: uevents, the kernel's log, parameter files."""

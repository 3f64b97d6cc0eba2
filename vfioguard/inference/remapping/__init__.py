"""Whether x86 remaps interrupts, and whether its tables allow it."""

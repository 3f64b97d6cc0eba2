"""Reading the host into a Snapshot: all of it, or what changed."""

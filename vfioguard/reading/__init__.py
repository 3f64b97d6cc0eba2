"""Reading the host into a Snapshot: the whole host, or the parts that changed."""

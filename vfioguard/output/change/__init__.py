"""How faces show what changed between two readings of a host."""

"""Many hosts as one: what is kept of the Report on each, and the sums over all."""

"""Judging: from a Snapshot to a Report, by applying every policy to every group."""

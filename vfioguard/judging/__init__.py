"""From a Snapshot to the Report: every policy applied to every group."""

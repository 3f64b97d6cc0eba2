"""The settings of the daemon: one table, an option and a key of the file for each."""

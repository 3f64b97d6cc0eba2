"""The structures inside a table that would not fit into the table's own file."""

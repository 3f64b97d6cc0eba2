"""What can be counted, as rows of tables: no row knows how a metric is written."""

"""Lines with one meaning. A new line is one entry in the file of its subject."""

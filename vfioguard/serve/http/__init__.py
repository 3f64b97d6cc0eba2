"""Routes, their answers and their description."""

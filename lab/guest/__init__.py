"""What runs in the guests of the lab."""

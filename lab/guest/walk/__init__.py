"""A walk as the guest takes it: lab/walk.py, which has the other side, says what it is."""

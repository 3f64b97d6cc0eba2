"""What leaves of blocker/ share, and their longer words."""

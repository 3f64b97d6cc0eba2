"""The newest Report as bytes, from which every request is answered."""

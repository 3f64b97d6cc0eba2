"""The newest Report as bytes: what every request is answered from."""

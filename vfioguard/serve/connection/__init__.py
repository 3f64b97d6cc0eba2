"""Listening sockets, the connections from them, and the HTTP protocol on these."""

"""Sockets, connections and the HTTP protocol on them."""

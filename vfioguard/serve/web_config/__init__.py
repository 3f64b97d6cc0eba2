"""TLS, passwords, headers and a rate, in Prometheus' form of a web configuration."""

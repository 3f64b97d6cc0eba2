"""TLS and passwords, in Prometheus' form of a web configuration."""

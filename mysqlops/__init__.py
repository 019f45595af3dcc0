"""Run MySQL on Kubernetes with rights in a single namespace."""

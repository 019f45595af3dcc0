"""MySQL on Kubernetes for whoever owns one namespace."""

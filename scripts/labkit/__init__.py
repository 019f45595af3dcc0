"""The lab: Kubernetes nodes as Docker containers, built from Go modules and Debian packages only."""

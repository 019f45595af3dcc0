"""Kubernetes objects, built from a spec and read back. Pure: parsed manifests in, parsed manifests out."""

"""The verbs on one cluster, one file each."""

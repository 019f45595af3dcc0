"""Faults on a running cluster, and the ledger of what they cost; for tests/cluster and scripts/bench-faults."""

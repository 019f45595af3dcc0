"""Faults on a running cluster, clients that keep a ledger of what they were told, and what it all cost."""

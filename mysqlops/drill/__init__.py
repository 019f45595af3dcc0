"""Drills: a fault caused on purpose while clients keep a ledger. Only the CLI imports this package."""

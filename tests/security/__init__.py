"""Attacks, each named for what the attacker tries."""

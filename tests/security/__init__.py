"""The attacks of the security review, as the attacker makes them."""

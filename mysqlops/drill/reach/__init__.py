"""How a fault reaches a node."""

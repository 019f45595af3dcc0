"""What clients were told, and what the members hold. Pure."""

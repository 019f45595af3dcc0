"""The clients' journals and the members' rows. Pure."""

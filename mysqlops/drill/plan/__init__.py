"""Whether a drill may begin, whom it hits, and its objects. Pure."""

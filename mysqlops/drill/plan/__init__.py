"""Whether a drill may begin, its target, and its objects. Pure."""

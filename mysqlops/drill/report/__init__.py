"""A drill as figures, Markdown and a page. Pure."""

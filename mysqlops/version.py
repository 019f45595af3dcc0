"""The version of the CLI, and so of the agent that it ships."""

__version__ = "0.1.0"

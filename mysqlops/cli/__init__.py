"""Click commands; no logic."""

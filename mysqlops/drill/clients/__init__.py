"""The pods that write."""

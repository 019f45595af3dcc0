"""The checks of `doctor`: each is a pure function from what was observed to findings. all.py lists them."""

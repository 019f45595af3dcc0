"""The programs that run in Jobs and in the receiver of binary logs; the sidecar runs none of them."""

"""The programs that run in Jobs and in the binary log receiver; the sidecar runs none of them."""

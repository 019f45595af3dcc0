"""The product's drills (mysqlops/drill), as tests and scripts/bench-faults use them."""

"""The product's drills (mysqlops/operations/drill), as tests and scripts/bench-faults use them."""

"""Pure decisions: what is seen and what is wanted, to a plan or a refusal."""

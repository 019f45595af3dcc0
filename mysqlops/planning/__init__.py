"""Pure decisions: from what was observed and what is wanted to a plan or a refusal."""

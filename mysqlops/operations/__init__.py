"""The shell around the plans: observe, plan, execute."""

"""The simulated world: real agent and operations code over models of what they talk to. docs/simulation.md."""

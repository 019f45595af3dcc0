"""The simulated world: real agent and operations code over the models they talk to. docs/explanation/simulation.md."""

"""The simulated world: real agent and operations code over the models they talk to. docs/explanation/simulation.md.

- What runs a world: run, scenarios (mixtures), faults, verbs and more_verbs, regressions (shrunk), scheduler, clock.
- Its Kubernetes: apiserver with admission, ownership, preconditions, objects; controllers, statefulset, kubelet, jobs.
- Its servers: group, mysqld, replica, sql, volume; its agents and commands: agents, programs, wires, clients, shell.
- What must hold: ledger and invariants, in worlds; *_cases, for the models and the real ones alike.
"""

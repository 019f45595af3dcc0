"""The sidecar of each member: joins the group, labels its pod, publishes its state. `jobs`: the programs of Jobs."""

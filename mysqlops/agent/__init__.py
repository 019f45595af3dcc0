"""The sidecar of each member: joins the group, labels its pod, publishes what it sees. `jobs`: the programs of Jobs."""

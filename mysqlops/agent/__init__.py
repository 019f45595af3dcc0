"""The sidecar of each member: joins the group, labels the pod, tells what it sees."""

"""What makes the nodes a cluster that tests can use: DNS, storage classes, the optional S3 service."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from labkit import binaries, cache
from labkit.nodes import IPV4, IPV6, Lab
from labkit.shell import run, succeeds, tell, wait_until

_MANIFESTS = cache.SOURCES / "manifests"


def kubectl(lab: Lab, *words: str | Path, stdin: str | None = None, check: bool = True) -> str:
    return run("kubectl", f"--kubeconfig={lab.kubeconfig}", "--request-timeout=20s", *words, stdin=stdin, check=check)


def wait_for_api(lab: Lab) -> None:
    wait_until(
        lambda: succeeds("kubectl", f"--kubeconfig={lab.kubeconfig}", "--request-timeout=3s", "get", "--raw=/readyz"),
        "the API server",
        seconds=120,
    )


def wait_for_nodes(lab: Lab, count: int) -> None:
    wait_until(lambda: len(ready_nodes(lab)) >= count, f"{count} nodes Ready", seconds=120)


def ready_nodes(lab: Lab) -> list[str]:
    listing = json.loads(kubectl(lab, "get", "nodes", "-o", "json", check=False) or '{"items": []}')
    return [
        node["metadata"]["name"]
        for node in listing["items"]
        if any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", []))
    ]


def apply_dns(lab: Lab) -> None:
    manifest = (_MANIFESTS / "coredns" / "coredns.yaml").read_text()
    kubectl(lab, "apply", "-f", "-", stdin=manifest.replace("DNS_ADDRESS", lab.networks.dns))


def wait_for_dns(lab: Lab) -> None:
    _wait_for_daemons(lab, "coredns", "CoreDNS")


def _wait_for_daemons(lab: Lab, name: str, what: str) -> None:
    counts = "jsonpath={.status.numberReady} {.status.desiredNumberScheduled}"

    def is_ready() -> bool:
        words = kubectl(lab, "-n", "kube-system", "get", "daemonset", name, "-o", counts, check=False).split()
        return len(words) == 2 and words[0] == words[1] != "0"

    wait_until(is_ready, what, seconds=120)


def apply_storage(lab: Lab, *, with_csi: bool) -> None:
    """The default class, or, without CSI, static volumes on the first nodes under a default class of their own."""
    if not with_csi:
        kubectl(lab, "apply", "-f", _MANIFESTS / "static")
        return
    crds = binaries.build("storage") / "crds"
    kubectl(lab, "apply", "--server-side", "-f", crds)
    kubectl(lab, "wait", "--for=condition=Established", "--timeout=20s", "-f", crds)
    kubectl(lab, "apply", "-f", _MANIFESTS / "storage")


def s3_up(lab: Lab) -> None:
    """Start versitygw on the first node and put its address and keys where pods find them."""
    environment = lab.pki / "s3.env"
    if not environment.exists():
        access, secret = f"lab{secrets.token_hex(6)}", secrets.token_urlsafe(24)
        environment.touch(mode=0o600)
        environment.write_text(f"ROOT_ACCESS_KEY={access}\nROOT_SECRET_KEY={secret}\n")
    kubectl(lab, "apply", "-f", _MANIFESTS / "s3")
    address = lab.address(0)
    slices = json.dumps(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "s3", "namespace": "lab-s3", "labels": {"kubernetes.io/service-name": "s3"}},
            "addressType": {IPV4: "IPv4", IPV6: "IPv6"}[lab.families[0]],
            "ports": [{"name": "s3", "port": 9000}],
            "endpoints": [{"addresses": [address]}],
        }
    )
    kubectl(lab, "apply", "-f", "-", stdin=slices)
    pairs = dict(line.split("=", 1) for line in environment.read_text().splitlines())
    keys = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s3-keys", "namespace": "lab-s3"},
        "stringData": pairs,
    }
    kubectl(lab, "apply", "-f", "-", stdin=json.dumps(keys))
    wait_until(lambda: succeeds("bash", "-c", f"echo >/dev/tcp/{address}/9000"), "the S3 server", seconds=20)
    tell("S3: http://s3.lab-s3.svc:9000, keys in Secret lab-s3/s3-keys")


def s3_down(lab: Lab) -> None:
    (lab.pki / "s3.env").unlink(missing_ok=True)
    run("docker", "exec", lab.node(0), "pkill", "-x", "versitygw", check=False)
    kubectl(lab, "delete", "namespace", "lab-s3", "--ignore-not-found")


# kube-router's chains, and the rules by which the built-in chains lead into them. Nothing else of the table is written,
# because kube-proxy writes it too.
_DROP_CHAINS = r"""
set -eu
saved=$(iptables-save -t filter)
ours='KUBE-ROUTER-|KUBE-POD-FW-|KUBE-NWPLCY-'
chains=$(echo "$saved" | sed -nE "s/^:(($ours)[^ ]*).*/\1/p")
{
  echo '*filter'
  for chain in $chains; do echo ":$chain - [0:0]"; done
  echo "$saved" | sed -nE "s/^-A ((INPUT|FORWARD|OUTPUT) .*-j ($ours).*)/-D \1/p"
  for chain in $chains; do echo "-X $chain"; done
  echo COMMIT
} | iptables-restore --noflush -w 10
"""


def policies_on(lab: Lab) -> None:
    kubectl(lab, "apply", "-f", _MANIFESTS / "policies")
    _wait_for_daemons(lab, "kube-router", "kube-router")
    tell("NetworkPolicies are enforced; scripts/lab policies off ends it")


def policies_off(lab: Lab) -> None:
    """Every pod is reachable again. The nodes' network is theirs alone, so the rules go from each."""
    kubectl(lab, "delete", "-f", _MANIFESTS / "policies", "--ignore-not-found", "--timeout=60s")
    # One that still runs would write its rules again.
    kubectl(lab, "-n", "kube-system", "wait", "--for=delete", "pod", "-l", "k8s-app=kube-router", "--timeout=60s")
    for node in lab.containers():
        run("docker", "exec", node, "bash", "-c", _DROP_CHAINS)


def csi_nodes(lab: Lab) -> int:
    """On how many nodes kubelet knows the storage driver: a pod with a claim can start there."""
    return len(kubectl(lab, "get", "csinodes", "-o", "jsonpath={.items[*].spec.drivers[*].name}", check=False).split())

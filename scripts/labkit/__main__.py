"""The commands of scripts/lab."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit import binaries, cache, cluster, host, images, nodes, pki, recipes
from labkit import own_image as own
from labkit.shell import LabError, all_of, run, tell, wait_until


def up(options: argparse.Namespace) -> None:
    """Bring the lab up, or bring up what is missing of it."""
    lab = nodes.Lab(options.name)
    with_storage = not options.no_csi
    host.ensure_tools()
    host.ensure_docker()
    archives = [images.ensure(recipe) for recipe in recipes.POD_IMAGES]
    image = images.ensure_in_docker(recipes.NODE_RECIPE)
    lab.choose_family(options.ip_family)
    nodes.ensure_network(lab)
    names = [lab.node(number) for number in range(options.nodes)]
    pki.ensure(lab.pki, lab.address(0), lab.networks.api, names)
    if with_storage:
        nodes.ensure_pool(lab)
    tell(f"starting {len(names)} nodes")
    all_of([lambda n=n: nodes.start(lab, n, image, with_storage=with_storage) for n in range(options.nodes)])  # type: ignore[misc]
    loading = [lambda: nodes.load(lab, archives), lambda: _form_cluster(lab, len(names), with_csi=with_storage)]
    all_of(loading)
    cluster.wait_for_dns(lab)
    tell(f'up: {len(names)} nodes; use it with: eval "$(scripts/lab env)"')


def _form_cluster(lab: nodes.Lab, count: int, *, with_csi: bool) -> None:
    cluster.wait_for_api(lab)
    tell("the API server answers")
    cluster.apply_dns(lab)
    cluster.apply_storage(lab, with_csi=with_csi)
    cluster.wait_for_nodes(lab, count)
    tell(f"{count} nodes are Ready")
    if with_csi:
        wait_until(lambda: cluster.csi_nodes(lab) >= count, "the storage driver on every node", seconds=60)


def down(options: argparse.Namespace) -> None:
    """Remove everything of the lab but the caches."""
    nodes.remove(nodes.Lab(options.name), purge=options.purge)
    if options.docker:
        host.stop_docker()


def status(options: argparse.Namespace) -> None:
    lab = nodes.Lab(options.name)
    ready = cluster.ready_nodes(lab) if lab.kubeconfig.exists() else []
    seen = {
        name: {
            "container": run("docker", "inspect", "-f", "{{.State.Status}}", name).strip(),
            "ready": name in ready,
        }
        for name in lab.containers()
    }
    if options.output == "json":
        print(json.dumps({"lab": lab.name, "kubeconfig": str(lab.kubeconfig), "nodes": seen}, indent=2))
        return
    if not seen:
        raise LabError("the lab is down; scripts/lab up")
    for name, facts in seen.items():
        print(f"{name:12} {facts['container']:10} {'Ready' if facts['ready'] else 'NotReady'}")


def kubeconfig(options: argparse.Namespace) -> None:
    print(nodes.Lab(options.name).kubeconfig)


def environment(options: argparse.Namespace) -> None:
    """Shell lines that make mysqlops use this lab and its images."""
    for variable, value in (
        ("MYSQLOPS_KUBECONFIG", str(nodes.Lab(options.name).kubeconfig)),
        ("KUBECONFIG", str(nodes.Lab(options.name).kubeconfig)),
        ("MYSQLOPS_IMAGE", recipes.MYSQL.tag),
        ("MYSQLOPS_AGENT_IMAGE", recipes.PYTHON_3.tag),
        ("MYSQLOPS_RESTIC_IMAGE", recipes.RESTIC.tag),
        ("MYSQLOPS_NODE_IMAGE", recipes.NETSHOOT.tag),
        ("MYSQLOPS_HAPROXY_IMAGE", recipes.HAPROXY.tag),
    ):
        print(f"export {variable}={value}")


def load(options: argparse.Namespace) -> None:
    """Put images of Docker's, or archives, into every node; those of Docker's go together, as they may share layers."""
    archives = [Path(one) for one in options.images if Path(one).is_file()]
    if tags := [one for one in options.images if not Path(one).is_file()]:
        ids = run("docker", "image", "inspect", "-f", "{{.Id}}", *tags)
        archive = cache.root() / "work" / f"load-{hashlib.sha256(f'{tags}{ids}'.encode()).hexdigest()[:12]}.tar"
        archive.parent.mkdir(exist_ok=True)
        run("docker", "save", "-o", archive, *tags)
        archives.append(archive)
    nodes.load(nodes.Lab(options.name), archives)


def extra(options: argparse.Namespace) -> None:
    """Build an image that few tests need, and put it into every node."""
    (recipe,) = [one for one in recipes.EXTRA_IMAGES if one.short.startswith(f"{options.image}-")]
    nodes.load(nodes.Lab(options.name), [images.ensure(recipe)])
    print(recipe.tag)


def image(options: argparse.Namespace) -> None:
    """Build an image that no pod uses, and print its tag."""
    host.ensure_tools(host.BUILD_PACKAGES)
    print(images.ensure_in_docker(_BESIDE[options.image]))


_BESIDE = {"mariadb": recipes.MARIADB, "sysbench": recipes.SYSBENCH}


def own_image(options: argparse.Namespace) -> None:
    """Build the image of Containerfile, and put it into every node."""
    load(argparse.Namespace(name=options.name, images=[own.build()]))
    print(own.TAG)


def node(options: argparse.Namespace) -> None:
    nodes.fault(nodes.Lab(options.name), options.verb, options.node)


def s3(options: argparse.Namespace) -> None:
    lab = nodes.Lab(options.name)
    (cluster.s3_up if options.verb == "up" else cluster.s3_down)(lab)


def policies(options: argparse.Namespace) -> None:
    """Make the lab's network enforce NetworkPolicies, or stop it from doing so."""
    lab = nodes.Lab(options.name)
    if options.verb == "off":
        cluster.policies_off(lab)
        return
    nodes.load(lab, [images.ensure(recipes.POLICIES)])
    cluster.policies_on(lab)


def build(options: argparse.Namespace) -> None:
    """Build the programs and images without starting anything."""
    host.ensure_tools()
    host.ensure_docker()
    for name in binaries.GROUPS:
        print(binaries.build(name))
    for recipe in recipes.POD_IMAGES:
        print(images.ensure(recipe))
    print(images.ensure_in_docker(recipes.NODE_RECIPE))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/lab", description="A real multi-node Kubernetes on this machine")
    parser.add_argument("--name", default=os.environ.get("MYSQLOPS_LAB_NAME", "lab"), help="of the lab (default: lab)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, action: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text)
        command.set_defaults(action=action)
        return command

    command = add("up", up, "bring it up; run again after anything went wrong")
    command.add_argument("--nodes", type=int, default=4, choices=range(1, 10), metavar="1-9")
    command.add_argument("--no-csi", action="store_true", help="static volumes instead of dynamic provisioning")
    families = {"choices": list(nodes.FAMILIES), "default": nodes.IPV4}
    command.add_argument("--ip-family", **families, help="of the addresses of nodes, pods and Services")  # type: ignore[arg-type]
    command = add("down", down, "remove its containers, volumes, network and mounts; caches stay")
    command.add_argument("--purge", action="store_true", help="also its keys")
    command.add_argument("--docker", action="store_true", help="also stop the Docker daemon that `up` started")
    command = add("status", status, "its nodes")
    command.add_argument("-o", "--output", choices=["table", "json"], default="table")
    add("kubeconfig", kubeconfig, "print the path of its kubeconfig")
    add("env", environment, 'print shell settings: eval "$(scripts/lab env)"')
    command = add("load", load, "put images into every node")
    command.add_argument("images", nargs="+", metavar="image", help="a tag in Docker, or an archive")
    command = add("extra", extra, "build an image that few tests need, and put it into every node")
    command.add_argument("image", choices=[one.short.partition("-")[0] for one in recipes.EXTRA_IMAGES])
    command = add("image", image, "build an image that no pod uses, in Docker alone, and print its tag")
    command.add_argument("image", choices=sorted(_BESIDE))
    add("own-image", own_image, "build the image of Containerfile, and put it into every node")
    command = add("node", node, "stop|start, freeze|thaw, isolate|heal a node")
    command.add_argument("verb", choices=["stop", "start", "freeze", "thaw", "isolate", "heal"])
    command.add_argument("node")
    add("s3", s3, "an S3 server (versitygw) on the first node").add_argument("verb", choices=["up", "down"])
    command = add("policies", policies, "enforce NetworkPolicies (kube-router), or no longer")
    command.add_argument("verb", choices=["on", "off"])
    add("build", build, "build programs and images, start nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.action(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

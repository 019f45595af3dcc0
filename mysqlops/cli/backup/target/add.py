"""mysqlops backup target add"""

from __future__ import annotations

import click

from mysqlops.cli import options, output
from mysqlops.cli.context import Run
from mysqlops.core import target as targets_of
from mysqlops.core.target import DEFAULT_IMAGE


@click.command()
@click.argument("name")
@options.namespaced("2m")
@options.dry_run()
@click.option("--s3", metavar="URL", help="S3 bucket: https://HOST/BUCKET[/FOLDER].")
@click.option("--claim", metavar="NAME", help="Existing claim of the namespace.")
@click.option(
    "--repository", metavar="URL", help="Repository in restic's notation: azure:…, gs:…, b2:…, rest:…, sftp:…"
)
@click.option(
    "--insecure-http",
    is_flag=True,
    envvar="MYSQLOPS_INSECURE_HTTP",
    help="Accept an http:// server: no TLS protects the credentials.",
)
@click.option(
    "--credentials", metavar="SECRET", help="Secret whose keys are restic's variables, such as AWS_ACCESS_KEY_ID."
)
@click.option(
    "--password-secret", "password", metavar="SECRET", help="Secret whose key `password` opens the repository."
)
@click.option(
    "--restic-image",
    "image",
    envvar="MYSQLOPS_RESTIC_IMAGE",
    default=DEFAULT_IMAGE,
    show_default=True,
    help="Image with restic.",
)
def add(
    run: Run,
    name: str,
    *,
    s3: str | None,
    claim: str | None,
    repository: str | None,
    image: str,
    credentials: str | None,
    password: str | None,
    insecure_http: bool,
    dry_run: bool,
) -> None:
    """Add a target NAME: create the repository if it does not exist, then write, read and delete a probe.

    Without --password-secret, a password is generated and kept in the Secret backup-target-NAME. Keep a copy outside
    this cluster: without the password nobody can read the backups.

    \b
    Examples:
      mysqlops backup target add local --claim backups
      mysqlops backup target add offsite \\
          --s3 https://s3.example.com/backups --credentials s3-keys
    """
    from mysqlops.operations import targets

    wanted = targets_of.Target(
        targets_of.check_name(name), targets_of.repository_of(s3, claim, repository), image, claim
    )
    targets_of.check_transport(wanted.repository, accepted=insecure_http)
    request = targets.Request(wanted, credentials, password)
    made = run.do(
        lambda session: targets.add(session, request),
        f"add target {name}: {wanted.place}",
        dry_run=dry_run,
        locks=False,
    )
    lines = [f"target {name}: {wanted.place} " + ("has a new repository" if made else "holds a repository already")]
    if made and password is None:
        lines.append(f"keep its password outside this cluster: kubectl get secret {wanted.secret} -o yaml")
    output.result({"target": name, "repository": wanted.repository, "made": made}, run.form, *lines)

"""mysqlops deploy"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mysqlops.cli import context, options, output
from mysqlops.core import names, secret_map

if TYPE_CHECKING:
    from mysqlops.core.plan import Plan
    from mysqlops.planning.status import Status


@click.command()
@click.argument("name")
@options.spec
@options.connection
@options.timeout("10m")
@options.output("table", "json", "yaml")
@click.option("--dry-run", is_flag=True, help="Check everything and show the plan; change nothing.")
@click.option("--no-wait", is_flag=True, help="Return when the objects are applied, without waiting for the group.")
def command(**given: Any) -> None:
    """Create the cluster NAME, or finish creating it.

    Run it again at any time: what is as it should be is left alone, what lacks is created, and an option that differs
    from the running cluster is refused with the verb that changes it.

    \b
    Examples:
      mysqlops deploy mysql
      mysqlops deploy orders --storage-size 50Gi --memory 4Gi --config my.cnf
    """
    from mysqlops.clock import SystemClock
    from mysqlops.operations import deploy, lock, secret_move
    from mysqlops.operations.session import Session

    name, form, timeout = given.pop("name"), given.pop("output"), given.pop("timeout")
    dry_run, no_wait, config_file = given.pop("dry_run"), given.pop("no_wait"), given.pop("config_file")
    names.check_cluster_name(name)
    client = context.client(given.pop("context"), given.pop("namespace"))
    running = deploy.running_settings(client, name) if config_file else None
    spec = context.make_spec(name, client.namespace, config_file, given, running)
    with output.progress() as progress:
        session = Session(client, SystemClock(), progress, timeout)
        deploy.check(session, spec)
        if dry_run:
            output.show_steps(deploy.prepare(client, spec, options.chosen())[1].steps, form)
            return
        with lock.held(session, name, "deploy"):  # not for the waiting: a member may need another verb to come up
            plan = deploy.apply(session, spec, options.chosen())
        if no_wait:
            return
        status = deploy.await_healthy(session, name)
        secret_move.split_kept(session, name)
        proof = deploy.prove(client, status) if plan.steps else {}
    _show_result(status, plan, proof, form)


def _show_result(status: Status, plan: Plan, proof: dict[str, float], form: str) -> None:
    if form != "table":
        changed = [step.as_json() for step in plan.steps]
        output.data({"changed": changed, "proof_seconds": proof, "status": status.as_json()}, form)
        return
    name, where = status.name, status.namespace
    if not plan.steps:
        output.say(f"{name} in {where} is as wanted and healthy: nothing changed")
        return
    slowest = max(proof.values())
    output.say(
        f"{name} in {where} is up: a write through the primary was on all {status.replicas} members in {slowest:.2f} s"
    )
    output.say(f"  clients:  label their pods {names.LABEL_CLIENT}={name}; Secret {name}-app has all that they need")
    where_password = secret_map.place(name, names.KEY_APP_PASSWORD)
    template = f"{{{{.data.{where_password.key} | base64decode}}}}"
    output.say(f"  write:    {names.primary_service(name)}.{where}.svc:{names.PORT_MYSQL}")
    output.say(f"  read:     {names.replicas_service(name)}.{where}.svc:{names.PORT_MYSQL}")
    output.say(f"  account:  user {names.USER_APP}, database {names.DATABASE_APP}, TLS required")
    output.say(f"  password: kubectl get secret {where_password.secret} -n {where} -o go-template='{template}'")

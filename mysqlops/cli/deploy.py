"""mysqlops deploy"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mysqlops.cli import described, options, output
from mysqlops.cli.context import Run
from mysqlops.core import names, secret_map

if TYPE_CHECKING:
    from mysqlops.core.plan import Plan
    from mysqlops.planning.status import Status


@click.command()
@options.cluster("10m")
@described.spec()
@options.dry_run("Check everything and show the plan; change nothing.")
@options.wait("Wait until the group is healthy, or return once the objects are applied.")
def deploy(run: Run, *, wanted: described.Wanted, dry_run: bool, wait: bool) -> None:
    """Create the cluster NAME, or finish creating it.

    Safe to run again: existing objects are left alone and missing ones created. An option that differs from the running
    cluster is refused, with the command that changes it.

    \b
    Examples:
      mysqlops deploy mysql
      mysqlops deploy orders --storage-size 50Gi --memory 4Gi --config my.cnf
    """
    from mysqlops.operations import data_version, lock, secret_move
    from mysqlops.operations import deploy as operations

    name = run.name
    with run.reading() as session:
        client = session.client
        running = operations.running_settings(client, name) if wanted.config_file else None
        spec = wanted.spec(name, client.namespace, running)
        operations.check(session, spec)
        if dry_run:
            output.show_steps(operations.prepare(client, spec, wanted.chosen)[1].steps, run.form)
            return
        with lock.held(session, name, "deploy"):  # released while waiting: a member may need another verb to come up
            plan = operations.apply(session, spec, wanted.chosen)
        if not wait:
            output.result({"changed": [step.as_json() for step in plan.steps]}, run.form, f"{name} is applied")
            return
        status = operations.await_healthy(session, name)
        data_version.note_alone(session, status)
        secret_move.split_kept(session, name)
        proof = operations.prove(client, status) if plan.steps else {}
    _show_result(status, plan, proof, run)


def _show_result(status: Status, plan: Plan, proof: dict[str, float], run: Run) -> None:
    if not run.is_for_people:
        changed = [step.as_json() for step in plan.steps]
        output.data({"changed": changed, "proof_seconds": proof, "status": status.as_json()}, run.form)
        return
    name, where = status.name, status.namespace
    if not plan.steps:
        output.say(f"{name} in {where} is as requested and healthy: nothing changed")
        return
    slowest = max(proof.values())
    output.say(
        f"{name} in {where} is up: a write through the primary was on all {status.replicas} members in {slowest:.2f} s"
    )
    output.say(f"  clients:  label their pods {names.LABEL_CLIENT}={name}; Secret {name}-app has everything they need")
    where_password = secret_map.place(name, names.KEY_APP_PASSWORD)
    template = f"{{{{.data.{where_password.key} | base64decode}}}}"
    output.say(f"  write:    {names.primary_service(name)}.{where}.svc:{names.PORT_MYSQL}")
    output.say(f"  read:     {names.replicas_service(name)}.{where}.svc:{names.PORT_MYSQL}")
    output.say(f"  account:  user {names.USER_APP}, database {names.DATABASE_APP}, TLS required")
    output.say(f"  password: kubectl get secret {where_password.secret} -n {where} -o go-template='{template}'")

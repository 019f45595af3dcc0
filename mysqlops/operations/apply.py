"""Bring a cluster to what its file says: look, plan, run the first verb, look again, until nothing is left.

What each verb does is the verb's own; here is only their order, and the note of the one that runs, so that the next run
repeats it if this one is killed. The note is a name out of a fixed list: every member may write it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from mysqlops import errors
from mysqlops.core import instant
from mysqlops.core.plan import Step
from mysqlops.objects import binlog as receiving
from mysqlops.operations import (
    binlog,
    compared,
    configure,
    data_version,
    deploy,
    expose,
    leases,
    lock,
    observe,
    orders,
    remake,
    scale,
    schedule,
    secret_move,
    storage,
    targets,
    unproven,
    upgrade,
)
from mysqlops.operations.rollout import Limits
from mysqlops.operations.session import Session
from mysqlops.planning import agreed
from mysqlops.planning import apply as planning


def preview(session: Session, task: compared.Task, found: compared.Seen) -> tuple[Step, ...]:
    """The verbs, each with its own steps, as far as they can be planned now; raises Refused for what any of them would
    refuse, before anything is changed. Images and settings are tried in a pod."""
    name = task.document.name
    if found.state.spec is None and found.actions:
        deploy.check(session, found.goal.spec)
        deploy.prepare(session.client, found.goal.spec)
    verbs = {action.verb for action in found.actions}
    # A member may still be coming, which the interrupted verb waits for and a plan of a whole group refuses.
    is_whole = not verbs & {planning.DEPLOY, planning.FINISH, planning.SETTLE, planning.RESUME, found.state.noted}
    steps: list[Step] = []
    # The pod that tries an image has one name for all commands.
    with (
        lock.held(session, name, "apply")
        if is_whole and bool(verbs & {planning.CONFIGURE, planning.UPGRADE})
        else nullcontext()
    ):
        for action in found.actions:
            steps.append(Step(action.verb, "cluster", name, action.why, going=found.goal.going(found.state)))
            if action.verb in _PREVIEWS and (is_whole or action.verb in _OF_NO_MEMBER):
                steps += _PREVIEWS[action.verb](_Work(session, name, found.goal, task.choice, found.state))
    return tuple(steps)


def execute(session: Session, task: compared.Task) -> list[planning.Action]:
    """Run the verbs; returns those that ran. Raises what they raise, and StepFailed if one had no effect."""
    done: list[planning.Action] = []
    name = task.document.name
    while True:
        found = compared.seen(session.client, task)
        left = [action for action in found.actions if action.verb not in {before.verb for before in done}]
        if not left:
            if found.actions:
                text = f"{found.actions[0].verb} did not lead to what the file says: {found.actions[0].why}"
                raise errors.StepFailed(text, hint=f"mysqlops status {name}, then the same command again")
            return done
        session.progress.say(f"{left[0].verb} {name}: {left[0].why}")
        act = _deploy if left[0].verb == planning.DEPLOY else _act
        if act(session, task, left[0].verb):
            done.append(left[0])


@dataclass(frozen=True)
class _Work:
    session: Session
    name: str
    goal: planning.Wanted
    choice: agreed.Choice
    state: planning.State


def _act(session: Session, task: compared.Task, verb: str) -> bool:
    """False if the verb is no longer needed: others may have changed the cluster while this one waited for the lock.
    Raises Refused if it would now do what must be asked for, such as removing members."""
    with lock.held(session, task.document.name, "apply"):
        found = compared.seen(session.client, task)
        if verb not in {action.verb for action in found.actions}:
            return False
        work = _Work(session, task.document.name, found.goal, task.choice, found.state)
        _note(work, verb)
        try:
            _VERBS[verb](work)
        except errors.Refused:
            _note(work, "")
            raise
        _note(work, "")
        return True


def _deploy(session: Session, task: compared.Task, verb: str) -> bool:
    """The same for `deploy`. The lock is not held for the waiting: a member may need another verb to come up."""
    name = task.document.name
    with lock.held(session, name, "apply"):
        found = compared.seen(session.client, task)
        if verb not in {action.verb for action in found.actions}:
            return False
        work = _Work(session, name, found.goal, task.choice, found.state)
        _note(work, verb)
        plan = deploy.apply(session, work.goal.spec, None if found.state.spec is None else ())
        _note(work, verb)
    now = deploy.await_healthy(session, name)
    secret_move.split_kept(session, name)
    if plan.steps:
        deploy.prove(session.client, now)
    with lock.held(session, name, "apply"):
        data_version.note(session.client, observe.judged(session, name))
        _note(work, "")
    return True


def _note(work: _Work, verb: str) -> None:
    """On the Lease, once it exists."""
    if leases.find(work.session.client, work.name) is not None:
        note = {"verb": verb, "by": lock.who(), "at": instant.text(work.session.clock.now())}
        orders.write(work.session.client, work.name, applying=note if verb else None)


def _finish(work: _Work) -> None:
    remake.finish(work.session, work.name)


def _settle(work: _Work) -> None:
    unproven.settle(work.session, work.name)


def _resume(work: _Work) -> None:
    upgrade.resume(work.session, work.name, Limits())


def _resizing(work: _Work) -> storage.Change:
    return storage.plan(work.session, work.name, work.goal.spec.storage_size, by_rebuild=False)


def _scaling(work: _Work) -> scale.Request:
    return scale.Request(work.choice.pvc or scale.KEEP)


def _scale(work: _Work) -> None:
    """With the checks of its plan, made again now."""
    scale.plan(work.session, work.name, work.goal.spec.replicas, _scaling(work))
    scale.execute(work.session, work.name, work.goal.spec.replicas, _scaling(work))


def _configuring(work: _Work) -> configure.Change:
    running = observe.must_run(work.session.client, work.name)
    spec = planning.spec_for(planning.CONFIGURE, work.goal.spec, running.spec)
    return configure.plan(work.session, work.name, running, spec)


def _upgrading(work: _Work) -> upgrade.Change:
    running = observe.must_run(work.session.client, work.name)
    spec = planning.spec_for(planning.UPGRADE, work.goal.spec, running.spec)
    return upgrade.plan(work.session, work.name, running, spec)


def _schedule(work: _Work) -> None:
    if work.goal.schedule is not None:
        schedule.put(work.session, work.name, work.goal.schedule)


def _stream(work: _Work) -> None:
    if (request := work.goal.receiver) is not None:
        target = targets.find(work.session.client, request.target)
        binlog.start(work.session, work.name, receiving.Request(target, request.every))


def _unexpose(work: _Work) -> None:
    for service in work.goal.outside(work.state).to_close():
        expose.remove(work.session, work.name, service)


def _unexposing(work: _Work) -> tuple[Step, ...]:
    services = work.goal.outside(work.state).to_close()
    found = [one for service in services for one in expose.to_delete(work.session.client, work.name, service)]
    return tuple(Step("delete", kind, one["metadata"]["name"], "the file does not name it") for kind, one in found)


def _expose(work: _Work) -> None:
    """Without waiting for addresses: those are the load balancer's matter, and `status` shows them."""
    for request in work.goal.outside(work.state).to_open():
        expose.expose(work.session, work.name, request, wait=False)


def _exposing(work: _Work) -> tuple[Step, ...]:
    wanted = work.goal.outside(work.state).to_open()
    made = [one for request in wanted for one in expose.check(work.session, work.name, request)]
    return tuple(
        Step("apply", one["kind"], one["metadata"]["name"], "opens it to clients from outside") for one in made
    )


_VERBS: dict[str, Callable[[_Work], object]] = {
    planning.FINISH: _finish,
    planning.SETTLE: _settle,
    planning.RESUME: _resume,
    planning.RESIZE: lambda work: storage.execute(work.session, work.name, _resizing(work)),
    planning.SCALE: _scale,
    planning.CONFIGURE: lambda work: configure.execute(work.session, work.name, _configuring(work), Limits()),
    planning.UPGRADE: lambda work: upgrade.execute(work.session, work.name, _upgrading(work), Limits()),
    planning.SCHEDULE: _schedule,
    planning.UNSCHEDULE: lambda work: schedule.remove(work.session, work.name),
    planning.STREAM: _stream,
    planning.STOP_STREAM: lambda work: binlog.stop(work.session, work.name),
    planning.UNEXPOSE: _unexpose,
    planning.EXPOSE: _expose,
}
_OF_NO_MEMBER = (planning.UNEXPOSE, planning.EXPOSE)  # whose plans ask the API server only
_PREVIEWS: dict[str, Callable[[_Work], tuple[Step, ...]]] = {
    planning.RESIZE: lambda work: _resizing(work).steps,
    planning.SCALE: lambda work: scale.plan(work.session, work.name, work.goal.spec.replicas, _scaling(work)),
    planning.CONFIGURE: lambda work: _configuring(work).steps(),
    planning.UPGRADE: lambda work: _upgrading(work).steps,
    planning.UNEXPOSE: _unexposing,
    planning.EXPOSE: _exposing,
}

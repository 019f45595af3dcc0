"""MySQL Shell's upgrade checker: where the new image has it, a pod like that of the image's trial runs it on the
running primary, with an account that the user gives.

mysqlops has no account that may read everything from another pod, and makes none for an image that nobody has run yet.
So the checker runs on request, and whoever knows better than a finding omits the request.
"""

from __future__ import annotations

from mysqlops.core import counting, names, pod_patch, upgrade_findings, version
from mysqlops.core.spec import ClusterSpec
from mysqlops.core.typed import Json
from mysqlops.core.upgrade_findings import Found
from mysqlops.errors import Reason, Refused
from mysqlops.kube import manifests
from mysqlops.objects import pod_template, pods
from mysqlops.operations import image_check, trial_pod
from mysqlops.operations.session import Session
from mysqlops.planning.image_trial import Tried

_TOOL = "mysqlsh"
_UNREADABLE_SECRET = 3  # of upgrade-check.sh
_MOST_LINES = 100_000
_SHOWN = 10


def look(session: Session, spec: ClusterSpec, objects: list[Json], tried: Tried, secret: str | None) -> list[Reason]:
    """Why the checker refuses the version that was tried; the rest of what it found is said. Without the Shell in the
    image, or without a Secret, that is said."""
    has_shell = tried.has is not None and _TOOL in tried.has.tools.split()
    if tried.version is None or not has_shell:
        if secret is not None:
            session.progress.warn(f"--image {spec.image} has no {_TOOL}: its upgrade checker did not run")
        return []
    if secret is None:
        session.progress.say("the image has MySQL Shell: --checker-secret SECRET runs its upgrade checker first")
        return []
    found = _run(session, pod(spec, objects, tried.version, secret), secret)
    return [] if found is None else _judge(session, found)


def pod(spec: ClusterSpec, objects: list[Json], after: version.ServerVersion, secret: str) -> Json:
    """As the trial's, without Python; a client of the cluster, which its NetworkPolicy lets in."""
    made = trial_pod.unfinished(spec, objects)
    made["metadata"]["labels"][names.LABEL_CLIENT] = spec.name
    made["spec"]["containers"] = [one for one in made["spec"]["containers"] if one["name"] != trial_pod.PYTHON]
    shell = next(one for one in made["spec"]["containers"] if one["name"] == trial_pod.MYSQLD)
    shell["command"] = ["sh", "-c", manifests.read_text("image-check/upgrade-check.sh")]
    host = f"{names.primary_service(spec.name)}.{spec.namespace}.svc"
    shell["env"] += pods.environment({"PRIMARY": host, "TARGET_VERSION": f"{after}"})
    shell["volumeMounts"] += [
        {"name": "secret", "mountPath": "/run/checker", "readOnly": True},
        {"name": "ca", "mountPath": "/run/ca", "readOnly": True},
    ]
    items = [{"key": key, "path": key} for key in ("username", "password")]
    # Optional: the script says what is missing, where the pod would wait for it.
    volume = {"secretName": secret, "items": items, "optional": True, "defaultMode": 0o440}
    authority = {"secretName": names.tls_secret(spec.name), "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    made["spec"]["volumes"] += [{"name": "secret", "secret": volume}, {"name": "ca", "secret": authority}]
    pod_template.finish(made, spec, pod_patch.IMAGE_CHECK)
    return made


def _run(session: Session, made: Json, secret: str) -> Found | None:
    """None, and a warning, if the checker did not run to its end: it is an adviser, and the server itself decides."""
    with image_check.ended(session, made, "the upgrade checker to end") as (finished, why_not):
        if why_not is not None:
            raise Refused([why_not])
        output = session.client.logs(made["metadata"]["name"], trial_pod.MYSQLD, lines=_MOST_LINES)
        code = finished[trial_pod.MYSQLD].code
    last = next(iter(output.strip().splitlines()[-1:]), "it printed nothing")[:300]
    if code == _UNREADABLE_SECRET:
        hint = f"kubectl create secret generic {secret} --from-literal=username=… --from-file=password=FILE"
        raise Refused([Reason("no-password", f"--checker-secret {secret}: {last}", hint)])
    found = upgrade_findings.read(output)
    if found is None:
        session.progress.warn(f"the upgrade checker did not run to its end (status {code}): {last}")
    return found


def _judge(session: Session, found: Found) -> list[Reason]:
    warnings, notices = found.of(upgrade_findings.WARNING), found.of(upgrade_findings.NOTICE)
    for one in warnings[:_SHOWN]:
        session.progress.warn(f"upgrade checker: {one.sentence()}")
    if len(warnings) > _SHOWN:
        session.progress.warn(f"upgrade checker: {len(warnings) - _SHOWN} more warnings")
    for one in notices[:_SHOWN]:
        session.progress.say(f"upgrade checker: {one.sentence()}")
    bad = found.of(upgrade_findings.ERROR)
    session.progress.say(
        f"the upgrade checker found {counting.of(len(bad), 'error')}, {counting.of(len(warnings), 'warning')}"
    )
    hint = "correct it on the running version; without --checker-secret the upgrade does not ask the checker"
    texts = [one.sentence() for one in bad[:_SHOWN]]
    if (more := len(bad) - len(texts) + found.unread_errors()) > 0:
        texts.append(counting.of(more, "more error"))
    return [Reason("upgrade-check", text, hint) for text in texts]

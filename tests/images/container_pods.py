"""Runs a pod of an Argo template as a container, with its user, security context, volumes, environment and limits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import engine

# The fields that a template may have here. IGNORED_FIELDS have no effect on a single machine: where a pod is placed,
# how it is labelled, what is archived. Any other field is an error, so that nothing is overlooked.
SUPPORTED_FIELDS = {
    "name",
    "container",
    "inputs",
    "outputs",
    "securityContext",
    "volumes",
    "retryStrategy",
    "podSpecPatch",
}
IGNORED_FIELDS = {
    "nodeSelector",
    "tolerations",
    "affinity",
    "metadata",
    "archiveLocation",
    "automountServiceAccountToken",
}
IGNORED_FIELDS |= {"serviceAccountName", "activeDeadlineSeconds", "priorityClassName", "executor", "timeout"}
CONTAINER_FIELDS = {
    "name",
    "image",
    "command",
    "args",
    "env",
    "workingDir",
    "resources",
    "securityContext",
    "volumeMounts",
}
SECURITY_FIELDS = {
    "allowPrivilegeEscalation",
    "capabilities",
    "runAsNonRoot",
    "readOnlyRootFilesystem",
    "seccompProfile",
}
SECURITY_FIELDS |= {"runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "privileged"}
UNITS = {"Ki": "k", "Mi": "m", "Gi": "g"}


@dataclass
class PodOutcome:
    """How a pod ended.

    Attributes:
        name: name of its template.
        attempt: 0 for the first.
        status: exit status of its container.
        oom: whether it was killed for using too much memory.
        seconds: duration.
        printed: output.
        outputs: its output parameters.
    """

    name: str
    attempt: int
    status: int
    oom: bool
    seconds: float
    printed: str
    outputs: dict[str, str]

    def __str__(self):
        return f"{self.name:20} attempt {self.attempt}: exit status {self.status:3} after {self.seconds:5.0f} s"


class Pod:
    """One attempt at a pod.

    Args:
        spec: spec of the workflow.
        template: template of the pod, with all variables filled in.
        folder: where its volumes are created.
        secrets: name of each secret, with its keys and values.
        node: environment variables that a node would give its pods, such as the address of the cloud's storage.
    """

    def __init__(self, spec, template, folder, secrets, node):
        assert not set(template) - SUPPORTED_FIELDS - IGNORED_FIELDS, set(template) - SUPPORTED_FIELDS - IGNORED_FIELDS
        self.template, self.container, self.secrets = template, template["container"], secrets
        assert not set(self.container) - CONTAINER_FIELDS - {"imagePullPolicy"}, self.container
        self.security = {**spec.get("securityContext", {}), **template.get("securityContext", {})}
        self.container_security = self.container.get("securityContext", {})
        assert not (set(self.security) | set(self.container_security)) - SECURITY_FIELDS, (
            self.security,
            self.container_security,
        )
        self.folder, self.node = folder, node
        self.volumes = {each["name"]: each for each in [*spec.get("volumes", []), *template.get("volumes", [])]}
        self.volume_folders = {
            each["mountPath"]: self._make_volume(each) for each in self.container.get("volumeMounts", [])
        }
        self.name = f"glioflow-{template['name']}-{os.getpid()}-{time.monotonic_ns()}"

    def grace(self):
        """Return the seconds between SIGTERM and SIGKILL."""
        found = re.search(r"terminationGracePeriodSeconds\D+(\d+)", str(self.template.get("podSpecPatch", "")))
        return int(found[1]) if found else 30

    def _make_volume(self, mount):
        """Create the folder behind a mount, as a kubelet would."""
        location = self.folder / mount["name"]
        if location.exists():
            return location
        location.mkdir(parents=True)
        volume, group = dict(self.volumes[mount["name"]]), self.security.get("fsGroup", 0)
        volume.pop("name")
        ((kind, content),) = volume.items()
        if kind == "secret":
            self._write_secret(location, content, group)
        else:
            assert kind == "emptyDir", kind
            os.chown(location, 0, group)
            location.chmod(0o2777)
        return location

    def _write_secret(self, location, content, group):
        secret = self.secrets.get(content["secretName"])
        assert secret is not None or content.get("optional"), (
            f"no secret {content['secretName']}: the pod would not start"
        )
        for name, text in (secret or {}).items():
            (location / name).write_text(text)
            os.chown(location / name, 0, group)
            (location / name).chmod(content.get("defaultMode", 0o644) | 0o440)

    def flags(self):
        """Return podman's flags for everything that Kubernetes would set up."""
        user = self.container_security.get("runAsUser", self.security.get("runAsUser"))
        assert user or not (self.container_security.get("runAsNonRoot") or self.security.get("runAsNonRoot"))
        group = self.container_security.get("runAsGroup", self.security.get("runAsGroup"))
        flags = ["--user", str(user) if group is None else f"{user}:{group}"] if user is not None else []
        flags += ["--group-add", str(self.security["fsGroup"])] if "fsGroup" in self.security else []
        flags += [
            word
            for name in self.container_security.get("capabilities", {}).get("drop", [])
            for word in ("--cap-drop", name)
        ]
        flags += (
            []
            if self.container_security.get("allowPrivilegeEscalation", True)
            else ["--security-opt", "no-new-privileges"]
        )
        flags += (
            ["--read-only", "--read-only-tmpfs=false"] if self.container_security.get("readOnlyRootFilesystem") else []
        )
        memory = self.container.get("resources", {}).get("limits", {}).get("memory")
        flags += ["--memory", memory[:-2] + UNITS[memory[-2:]]] if memory else []
        for mount in self.container.get("volumeMounts", []):
            how = ":ro" if mount.get("readOnly") else ""
            flags += ["--volume", f"{self.volume_folders[mount['mountPath']]}:{mount['mountPath']}{how}"]
        for name, value in {**self._variables(), **self.node}.items():
            flags += ["--env", f"{name}={value}"]
        return [*flags, *(["--workdir", self.container["workingDir"]] if "workingDir" in self.container else [])]

    def _variables(self):
        """Return the environment of the container, including values from secrets."""
        found = {}
        for each in self.container.get("env", []):
            if "valueFrom" not in each:
                found[each["name"]] = each.get("value", "")
                continue
            reference = each["valueFrom"]["secretKeyRef"]
            secret = self.secrets.get(reference["name"], {}).get(reference["key"])
            assert secret is not None or reference.get("optional"), (
                f"no secret {reference['name']}: the pod would not start"
            )
            found |= {each["name"]: secret} if secret is not None else {}
        return found

    def run(self, attempt, stop_at=None):
        """Run the pod to its end, or stop it as a node would when it prints `stop_at`; return how it ended."""
        try:
            return self._run_once(attempt, stop_at)
        finally:  # even if the tests are interrupted
            engine.podman("rm", "--force", "--ignore", self.name)

    def _run_once(self, attempt, stop_at):
        began, lines, stopping = time.monotonic(), [], None
        words = [*self.container["command"], *self.container.get("args", [])]
        flags = [*self.flags(), "--name", self.name, "--entrypoint", json.dumps(words[:1])]
        command = engine.command(self.container["image"], *words[1:], flags=flags)
        command.remove("--rm")  # the ended container is inspected first
        variables = engine.environment()
        with subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in process.stdout:
                lines.append(line)
                if stop_at and stop_at in line:
                    stop_at = None
                    stop = [*engine.PODMAN, "stop", "--time", str(self.grace()), self.name]
                    stopping = subprocess.Popen(stop, env=variables, stdout=subprocess.DEVNULL)
        if stopping:
            assert stopping.wait() == 0
        (inspected,) = json.loads(engine.podman("inspect", self.name))
        state = inspected["State"]
        outputs = (
            {each["name"]: self._output(each["valueFrom"]) for each in self._outputs()} if not state["ExitCode"] else {}
        )
        duration = time.monotonic() - began
        printed = "".join(lines)
        return PodOutcome(
            self.template["name"], attempt, state["ExitCode"], state["OOMKilled"], duration, printed, outputs
        )

    def _outputs(self):
        return self.template.get("outputs", {}).get("parameters", [])

    def _output(self, source):
        """Return an output parameter, read from a file that the pod wrote."""
        path = Path(source["path"])
        for mounted, location in self.volume_folders.items():
            if path.is_relative_to(mounted):
                file = location / path.relative_to(mounted)
                return file.read_text().strip() if file.exists() else source["default"]
        here = self.folder / "output"
        engine.podman("cp", f"{self.name}:{path}", here)
        return here.read_text().strip()

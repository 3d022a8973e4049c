"""A pod of an Argo template as a container: its user, security context, volumes, environment and limits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import engine

# What a template and its container may say here. Of the second kind, nothing shows on one machine: where a pod is
# placed, how it's labelled, what is kept of it. Anything else fails, so that nothing is passed over unseen.
HEEDED = {"name", "container", "inputs", "outputs", "securityContext", "volumes", "retryStrategy", "podSpecPatch"}
UNSEEN = {"nodeSelector", "tolerations", "affinity", "metadata", "archiveLocation", "automountServiceAccountToken"}
UNSEEN |= {"serviceAccountName", "activeDeadlineSeconds", "priorityClassName", "executor", "timeout"}
OF_CONTAINERS = {
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
OF_SECURITY = {"allowPrivilegeEscalation", "capabilities", "runAsNonRoot", "readOnlyRootFilesystem", "seccompProfile"}
OF_SECURITY |= {"runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "privileged"}
UNITS = {"Ki": "k", "Mi": "m", "Gi": "g"}


@dataclass
class Ended:
    """How a pod ended.

    Attributes:
        name: name of its template.
        attempt: 0 for the first.
        status: exit status of its container.
        oom: whether it was killed for its memory.
        seconds: time that it took.
        printed: what it said.
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
        folder: where its volumes come to lie.
        secrets: name of a secret to what its keys hold.
        node: environment that a node would have for its pods, such as the address of the cloud's storage.
    """

    def __init__(self, spec, template, folder, secrets, node):
        assert not set(template) - HEEDED - UNSEEN, set(template) - HEEDED - UNSEEN
        self.template, self.container, self.secrets = template, template["container"], secrets
        assert not set(self.container) - OF_CONTAINERS - {"imagePullPolicy"}, self.container
        self.security = {**spec.get("securityContext", {}), **template.get("securityContext", {})}
        self.own = self.container.get("securityContext", {})
        assert not (set(self.security) | set(self.own)) - OF_SECURITY, (self.security, self.own)
        self.folder, self.node = folder, node
        self.volumes = {each["name"]: each for each in [*spec.get("volumes", []), *template.get("volumes", [])]}
        self.places = {each["mountPath"]: self._made(each) for each in self.container.get("volumeMounts", [])}
        self.name = f"glioflow-{template['name']}-{os.getpid()}-{time.monotonic_ns()}"

    def grace(self):
        """Seconds between SIGTERM and SIGKILL."""
        found = re.search(r"terminationGracePeriodSeconds\D+(\d+)", str(self.template.get("podSpecPatch", "")))
        return int(found[1]) if found else 30

    def _made(self, mount):
        """The folder behind a mount, as a kubelet would make it."""
        place = self.folder / mount["name"]
        if place.exists():
            return place
        place.mkdir(parents=True)
        volume, group = dict(self.volumes[mount["name"]]), self.security.get("fsGroup", 0)
        volume.pop("name")
        ((kind, what),) = volume.items()
        if kind == "secret":
            self._fill(place, what, group)
        else:
            assert kind == "emptyDir", kind
            os.chown(place, 0, group)
            place.chmod(0o2777)
        return place

    def _fill(self, place, what, group):
        held = self.secrets.get(what["secretName"])
        assert held is not None or what.get("optional"), f"no secret {what['secretName']}: the pod would not start"
        for name, text in (held or {}).items():
            (place / name).write_text(text)
            os.chown(place / name, 0, group)
            (place / name).chmod(what.get("defaultMode", 0o644) | 0o440)

    def flags(self):
        """Flags of podman for all that Kubernetes would see to."""
        user = self.own.get("runAsUser", self.security.get("runAsUser"))
        assert user or not (self.own.get("runAsNonRoot") or self.security.get("runAsNonRoot"))
        group = self.own.get("runAsGroup", self.security.get("runAsGroup"))
        flags = ["--user", str(user) if group is None else f"{user}:{group}"] if user is not None else []
        flags += ["--group-add", str(self.security["fsGroup"])] if "fsGroup" in self.security else []
        flags += [word for name in self.own.get("capabilities", {}).get("drop", []) for word in ("--cap-drop", name)]
        flags += [] if self.own.get("allowPrivilegeEscalation", True) else ["--security-opt", "no-new-privileges"]
        flags += ["--read-only", "--read-only-tmpfs=false"] if self.own.get("readOnlyRootFilesystem") else []
        memory = self.container.get("resources", {}).get("limits", {}).get("memory")
        flags += ["--memory", memory[:-2] + UNITS[memory[-2:]]] if memory else []
        for mount in self.container.get("volumeMounts", []):
            how = ":ro" if mount.get("readOnly") else ""
            flags += ["--volume", f"{self.places[mount['mountPath']]}:{mount['mountPath']}{how}"]
        for name, value in {**self._variables(), **self.node}.items():
            flags += ["--env", f"{name}={value}"]
        return [*flags, *(["--workdir", self.container["workingDir"]] if "workingDir" in self.container else [])]

    def _variables(self):
        """Its environment, values out of secrets included."""
        found = {}
        for each in self.container.get("env", []):
            if "valueFrom" not in each:
                found[each["name"]] = each.get("value", "")
                continue
            asked = each["valueFrom"]["secretKeyRef"]
            held = self.secrets.get(asked["name"], {}).get(asked["key"])
            assert held is not None or asked.get("optional"), f"no secret {asked['name']}: the pod would not start"
            found |= {each["name"]: held} if held is not None else {}
        return found

    def run(self, attempt, stop_at=None):
        """Run it to its end, or until it prints `stop_at`, and then as a node's end would; returns how it ended."""
        try:
            return self._ended(attempt, stop_at)
        finally:  # also when the tests are interrupted
            engine.podman("rm", "--force", "--ignore", self.name)

    def _ended(self, attempt, stop_at):
        began, lines, stopping = time.monotonic(), [], None
        words = [*self.container["command"], *self.container.get("args", [])]
        flags = [*self.flags(), "--name", self.name, "--entrypoint", json.dumps(words[:1])]
        command = engine.command(self.container["image"], *words[1:], flags=flags)
        command.remove("--rm")  # until it has been asked how it ended
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
        (told,) = json.loads(engine.podman("inspect", self.name))
        state = told["State"]
        outputs = (
            {each["name"]: self._output(each["valueFrom"]) for each in self._outputs()} if not state["ExitCode"] else {}
        )
        spent = time.monotonic() - began
        printed = "".join(lines)
        return Ended(self.template["name"], attempt, state["ExitCode"], state["OOMKilled"], spent, printed, outputs)

    def _outputs(self):
        return self.template.get("outputs", {}).get("parameters", [])

    def _output(self, source):
        """An output parameter, from a file that the pod left."""
        path = Path(source["path"])
        for mounted, place in self.places.items():
            if path.is_relative_to(mounted):
                file = place / path.relative_to(mounted)
                return file.read_text().strip() if file.exists() else source["default"]
        here = self.folder / "output"
        engine.podman("cp", f"{self.name}:{path}", here)
        return here.read_text().strip()

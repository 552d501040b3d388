"""Docker as the tests use it: whatever they make has a prefix of its own, and is gone in the end."""

import json
import os
import pathlib
import re
import subprocess
import time

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
# Far longer than anything takes on a busy machine.
PATIENCE = 180


class Failed(Exception):
    """What was expected did not happen."""


def run(*command, check=True, **options):
    """What the command said; both streams, where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip() if check else done


def engine():
    """Why there is no engine to be used here; None if there is one."""
    try:
        asked = run("docker", "version", "--format", "{{.Server.Version}}", check=False)
    except FileNotFoundError:
        return "there is no docker program"
    return None if asked.returncode == 0 else f"no Docker engine answers: {asked.stderr.strip()}"


def until(what, ask, patience=PATIENCE):
    """The first answer of `ask` that is true."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.1)
    raise Failed(f"{what} did not come about within {patience} s")


def until_it_goes_on(client, job, past, at_least=0):
    """Waits until a job is computed past an epoch; fails where it began anew, or below an epoch that is known to be saved."""

    def is_past():
        told = client.job(job)
        if told["status"].startswith("answered"):
            return False
        epoch = epoch_of(told)
        if epoch < at_least or any("started over" in notice for notice in told["notices"]):
            raise Failed(f"the job started over: epoch {epoch}, where {at_least} was saved; {told['notices']}")
        return told["status"] == "running" and epoch > past

    until(f"the job's epochs past {past}", is_past)


def epoch_of(told):
    return (told.get("progress") or {}).get("epoch") or 0


class Playground:
    """Makes images, volumes and containers under one prefix, and takes all of them away again."""

    def __init__(self):
        self.prefix = f"impasto-test-{os.getpid()}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for kind, listed, removed in [
            ("container", ["ps", "--all", "--quiet"], ["rm", "--force", "--volumes"]),
            ("volume", ["volume", "ls", "--quiet"], ["volume", "rm", "--force"]),
            ("image", ["images", "--quiet"], ["rmi", "--force"]),
        ]:
            filters = ["reference=" + self.prefix] if kind == "image" else ["name=" + self.prefix]
            found = run("docker", *listed, "--filter", filters[0], check=False).stdout.split()
            if found:
                run("docker", *removed, *dict.fromkeys(found), check=False)

    def build(self, dockerfile, log, *options):
        """An image of the repository, and the name that it got."""
        script = f'. "{HERE}/docker.sh" && build "$@"'
        environment = os.environ | {"BUILD_LOG": str(log)}
        settings = ["--network", "host"]
        home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
        if (home / "config.toml").exists():
            settings += ["--secret", f"id=cargo-config,src={home / 'config.toml'}"]
        run("bash", "-c", script, "build", *settings, "--file", dockerfile, "--tag", self.prefix, *options, ROOT, env=environment)
        return self.prefix

    def volume(self, name):
        return run("docker", "volume", "create", f"{self.prefix}-{name}")

    def start(self, name, *arguments):
        """A container that runs until it is told to stop."""
        called = f"{self.prefix}-{name}"
        run("docker", "run", "--detach", "--name", called, *arguments)
        return Container(called)


def inspect(name):
    """What Docker knows of a container or an image."""
    return json.loads(run("docker", "inspect", name))[0]


class Container:
    def __init__(self, name):
        self.name = name

    def inspect(self):
        return inspect(self.name)

    def exec(self, *command, check=True):
        return run("docker", "exec", self.name, *command, check=check)

    def logs(self):
        done = run("docker", "logs", self.name, check=False)
        return done.stdout + done.stderr

    def address(self, port):
        """Where a published port is reached."""
        return run("docker", "port", self.name, f"{port}/tcp").splitlines()[0]

    def wait_until_healthy(self):
        def healthy():
            state = self.inspect()["State"]
            if not state["Running"]:
                raise Failed(f"{self.name} ended with {state['ExitCode']}:\n{self.logs()}")
            return state["Health"]["Status"] == "healthy"

        until(f"the health of {self.name}", healthy)

    def stop(self, seconds):
        """The exit code, after SIGTERM and so much patience; 137 if that was not enough."""
        run("docker", "stop", "--time", seconds, self.name)
        return self.inspect()["State"]["ExitCode"]

    def kill(self):
        run("docker", "kill", self.name)

    def restart(self):
        run("docker", "start", self.name)


def megabytes(text):
    """What BuildKit's log says of the largest context that was sent, in MB; 0 if nothing was."""
    units = {"B": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}
    sent = re.findall(r"transferring context: ([\d.]+)([kMG]?B)", text)
    return max((float(number) * units[unit] for number, unit in sent), default=0.0)


def expect(what, holds):
    """Says what holds; whatever does not ends it all."""
    if not holds:
        raise Failed(f"NOT SO: {what}")
    print(f"ok: {what}", flush=True)

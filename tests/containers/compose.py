"""docker/compose.yaml and docker/compose.fleet.yaml, read and run."""

import json
import os
import secrets
import subprocess
import time

from client import Client
from docker import HERE, ROOT, Failed, epoch_of, expect, run, until, until_it_goes_on

ONE_MACHINE = ROOT / "docker/compose.yaml"
FLEET = ROOT / "docker/compose.fleet.yaml"


def program():
    """Compose 2 or later, wherever it comes from: the first version knew neither `name` nor `replicas`."""
    if run("docker", "compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    return [run(HERE / "newer.sh", "docker-compose")]


def check():
    """That both files are what Compose takes, and that the fleet does not start without its secrets."""
    run(*program(), "--file", ONE_MACHINE, "config", "--quiet")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "AWS_"))}
    with_example = ["--file", FLEET, "--env-file", ROOT / "docker/.env.example"]
    refused = run(*program(), *with_example, "config", "--quiet", check=False, env=bare)
    if refused.returncode == 0 or "docker/.env" not in refused.stderr:
        raise Failed(f"the fleet takes the example of its secrets for real ones: {refused.stderr}")
    run(*program(), *with_example, "config", "--quiet", env=bare | secrets_of_a_fleet())
    print("ok: the files for Compose can be read, and the fleet wants its secrets")


def secrets_of_a_fleet():
    return {name: secrets.token_hex(24) for name in ["POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]}


class Project:
    """What a file of Compose's describes, under a name of its own, on the image that was built; gone in the end."""

    def __init__(self, playground, file, image, environment):
        self.name = f"{playground.prefix}-{file.stem.replace('.', '-')}"
        self.command = [*program(), "--project-name", self.name, "--file", file]
        self.environment = os.environ | environment | {"IMPASTO_IMAGE": image}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("down", "--volumes", "--timeout", "5", check=False)

    def run(self, *arguments, **options):
        return run(*self.command, *arguments, env=self.environment, **options)

    def container(self, service, number=1):
        return self.run("ps", "--all", "--quiet", service).split()[number - 1]

    def address(self, service, port):
        return self.run("port", service, port).replace("0.0.0.0", "127.0.0.1")


def try_one_machine(playground, image):
    """A key, a picture through the published port, a stop in good order, a kill that loses nothing."""
    with Project(playground, ONE_MACHINE, image, {"IMPASTO_PORT": "0"}) as project:
        key = project.run("run", "--rm", "--no-deps", "impasto", "keys", "create", "me").splitlines()[-1]
        project.run("up", "--detach", "--wait", "--no-build", "impasto")
        client = Client(project.address("impasto", 8080), key)
        status, picture = client.send("/v1/paint", size=64, preset="fast")
        expect(f"one machine paints by Compose ({status})", status == 200 and picture.startswith(b"\x89PNG"))
        done = client.submit(size=64, preset="fast")
        until("a picture", lambda: client.job(done)["status"] == "succeeded")
        endless = client.submit(stages="64x48:20000", report_every=1, optimiser="adam")
        # So many that one that begins anew is seen to.
        until("the first epochs", lambda: epoch_of(client.job(endless)) >= 20)

        # Whoever is asked to end saves what he has, and that is no less.
        saved = epoch_of(client.job(endless))
        project.run("stop", "impasto")
        code = run("docker", "inspect", "--format", "{{.State.ExitCode}}", project.container("impasto"))
        expect(f"`stop` ends it in good order ({code})", code == "0")
        project.run("up", "--detach", "--wait", "--no-build", "impasto")
        client = Client(project.address("impasto", 8080), key)
        until_it_goes_on(client, endless, past=saved, at_least=saved)
        before = epoch_of(client.job(endless))
        run("docker", "kill", project.container("impasto"))
        project.run("up", "--detach", "--wait", "--no-build", "impasto")
        client = Client(project.address("impasto", 8080), key)
        status, _ = client.ask(f"/v1/jobs/{done}/result")
        expect("what was painted before a kill is there after it", status == 200)
        until_it_goes_on(client, endless, past=before, at_least=saved)
        client.ask(f"/v1/jobs/{endless}/cancel", "POST")


def try_fleet(playground, image):
    """A key, a picture through the balancer, restarts that nobody notices, a killed worker, and Prometheus over all of it."""
    settings = secrets_of_a_fleet() | {"IMPASTO_PORT": "0", "PROMETHEUS_PORT": "0"}
    with Project(playground, FLEET, image, settings) as project:
        key = project.run("run", "--rm", "api", "keys", "create", "me").splitlines()[-1]
        project.run("up", "--detach", "--wait", "--no-build")
        client = Client(project.address("balancer", 8080), key)
        until("the balancer's first API", lambda: client.ask("/readyz")[0] == 200)
        status, picture = client.send("/v1/paint", size=64, preset="fast")
        expect(f"the fleet paints ({status})", status == 200 and picture.startswith(b"\x89PNG"))
        restart_each_in_turn(project, client)
        kill_a_worker(project, client)
        see_that_prometheus_sees_all(Client(project.address("prometheus", 9090)))


def restart_each_in_turn(project, client):
    """Whoever asks meanwhile notices nothing."""
    for number in [1, 2]:
        container = project.container("api", number)
        stopping = subprocess.Popen(["docker", "stop", "--time", "30", container], stdout=subprocess.DEVNULL)
        while stopping.poll() is None:
            status, body = client.ask("/v1/jobs")
            if status != 200:
                raise Failed(f"while an API ended, a request was answered with {status}: {body[:200]}")
            # A client may ask so often, and no oftener.
            time.sleep(0.2)
        run("docker", "start", container)
        until("its health", lambda: run("docker", "inspect", "--format", "{{.State.Health.Status}}", container) == "healthy")
    print("ok: one API after the other was restarted, and every request was answered")


def kill_a_worker(project, client):
    """Its job goes on at the other one. One of the two has it, and so one of the kills meets it."""
    job = client.submit(stages="64x48:20000", report_every=1, optimiser="adam")
    until("the first losses", lambda: (client.job(job).get("progress") or {}).get("losses"))
    for number in [1, 2]:
        container = project.container("worker", number)
        run("docker", "kill", container)
        # Only now: what it did until then is no sign of life.
        until_it_goes_on(client, job, past=epoch_of(client.job(job)))
        run("docker", "start", container)
    expect("another worker claimed the job of one that was killed", client.job(job)["attempt"] > 1)
    client.ask(f"/v1/jobs/{job}/cancel", "POST")
    print("ok: the job of a worker that was killed went on")


def see_that_prometheus_sees_all(prometheus):
    """Every API and worker is asked, and every rule was evaluated."""

    def answer(path):
        status, body = prometheus.ask(path)
        return json.loads(body)["data"] if status == 200 else None

    def all_are_asked():
        targets = (answer("/api/v1/targets?state=active") or {}).get("activeTargets", [])
        return len(targets) == 4 and all(target["health"] == "up" for target in targets)

    def all_rules_hold():
        groups = (answer("/api/v1/rules") or {}).get("groups", [])
        rules = [rule for group in groups for rule in group["rules"]]
        if broken := [rule["name"] for rule in rules if rule["health"] == "err"]:
            raise Failed(f"Prometheus cannot evaluate {', '.join(broken)}")
        return rules and all(rule["health"] == "ok" for rule in rules)

    until("word from two APIs and two workers at Prometheus", all_are_asked)
    until("the evaluation of every rule", all_rules_hold)
    print("ok: Prometheus asks every API and worker, and evaluates every rule")

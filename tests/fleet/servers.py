"""What a fleet meets in: PostgreSQL, an object store that can be made to fail, and the balancer before the APIs."""

import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from network import HUB

NOBODY = 65534
ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target/ci-tools"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "the-key", "AWS_SECRET_ACCESS_KEY": "the-secret", "AWS_REGION": "us-east-1"}


def find(program: str, *places: str) -> str:
    """Where a program is; without it there is no fleet."""
    for place in places:
        found = sorted(pathlib.Path("/").glob(place.lstrip("/")), reverse=True)
        if found:
            return str(found[0])
    found = shutil.which(program)
    if not found:
        raise SystemExit(f"there is no {program}: .ci/run says how it is installed")
    return found


def wait_for(what: str, is_so, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come about within {seconds} s")
        time.sleep(0.05)


def listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False


class Postgres:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder / "postgres"
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, NOBODY, NOBODY)
        self.programs = pathlib.Path(find("postgres", "/usr/lib/postgresql/*/bin/postgres")).parent
        self.log = open(folder / "postgres.log", "ab")
        self.run("initdb", "-D", "data", "-U", "impasto", "--auth=trust", "-E", "UTF8", "--locale=C", "-N")
        with open(self.folder / "data/pg_hba.conf", "a") as rules:
            rules.write("host all all 10.77.0.0/24 trust\n")
        self.start()
        self.run("createdb", "-h", HUB, "-U", "impasto", "impasto")
        self.url = f"postgres://impasto@{HUB}/impasto"

    def as_nobody(self, program: str, *arguments: str) -> list[str]:
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                str(self.programs / program), *arguments]

    def run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(self.as_nobody(program, *arguments), cwd=self.folder, check=True, text=True,
                              stdout=subprocess.PIPE, stderr=self.log)
        return done.stdout

    def start(self) -> None:
        command = self.as_nobody("postgres", "-D", "data", "-k", "", "-c", f"listen_addresses={HUB}",
                                 "-c", "max_connections=200")
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=self.log, stderr=self.log)
        wait_for("PostgreSQL", lambda: subprocess.run(
            self.as_nobody("pg_isready", "-h", HUB, "-U", "impasto"), capture_output=True).returncode == 0)

    def restart(self) -> None:
        """As after a power cut: nothing is said to anybody, and the log is played back."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        self.start()

    def ask(self, statement: str) -> str:
        return self.run("psql", "-h", HUB, "-U", "impasto", "-d", "impasto", "-AtX", "-c", statement).strip()


class ObjectStore:
    """SeaweedFS, and before it somebody who lets everything through, or answers that it cannot be done."""

    PORT = 9000

    def __init__(self, folder: pathlib.Path) -> None:
        (folder / "weed").mkdir()
        weed = find("weed", f"{TOOLS}/python/bin/weed")
        identity = ('{"identities": [{"name": "fleet", "credentials": [{"accessKey": "the-key", "secretKey": "the-secret"}],'
                    ' "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}')
        (folder / "s3.json").write_text(identity)
        command = [weed, "-logtostderr", "server", f"-ip={HUB}", "-s3", "-master.telemetry=false", "-volume.max=0",
                   "-volume.port=8070", "-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0", "-s3.port.lance=0",
                   f"-s3.config={folder / 's3.json'}", f"-dir={folder / 'weed'}",
                   f"-filer.localSocket={folder / 'f.sock'}", f"-s3.localSocket={folder / 's.sock'}"]
        log = open(folder / "weed.log", "ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for("S3", lambda: listens(HUB, 8333), 120)
        shell = [weed, "shell", f"-master={HUB}:9333"]
        wait_for("the bucket", lambda: "impasto" in subprocess.run(
            shell, input="s3.bucket.create -name impasto\ns3.bucket.list\n", text=True, capture_output=True).stdout, 120)
        self.fails = threading.Event()
        self.refused = 0
        listener = socket.create_server((HUB, self.PORT), backlog=256)
        threading.Thread(target=self.accept, args=[listener], daemon=True).start()
        self.environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{HUB}:{self.PORT}"}

    def accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        if self.fails.is_set():
            self.refused += 1
            with client:
                client.recv(1 << 16)
                client.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        server = socket.create_connection((HUB, 8333))
        for one, other in [(client, server), (server, client)]:
            threading.Thread(target=self.hand_on, args=[one, other], daemon=True).start()

    def hand_on(self, one: socket.socket, other: socket.socket) -> None:
        try:
            # A connection that is kept open learns of the failure as well.
            while (piece := one.recv(1 << 16)) and not self.fails.is_set():
                other.sendall(piece)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Balancer:
    """HAProxy with the fleet's own configuration, but for the names that a container's name server gives."""

    PORT = 8080

    def __init__(self, folder: pathlib.Path, apis: list[str]) -> None:
        text = (ROOT / "docker/haproxy.cfg").read_text()
        text = re.sub(r"\n# Docker's own name server.*?(?=\nfrontend )", "\n", text, flags=re.S)
        text = text.replace(" resolvers docker resolve-prefer ipv4 init-addr none", "")
        servers = "\n".join(f"    server api{number} {address}:8080" for number, address in enumerate(apis))
        text, replaced = re.subn(r"    server-template .*", servers, text)
        assert replaced == 1, "docker/haproxy.cfg names its servers otherwise"
        (folder / "haproxy.cfg").write_text(text)
        self.socket = folder / "haproxy.sock"
        (folder / "told.cfg").write_text(f"global\n    stats socket {self.socket}\n")
        log = open(folder / "haproxy.log", "ab")
        self.process = subprocess.Popen([find("haproxy", "/usr/sbin/haproxy"), "-db", "-f", str(folder / "haproxy.cfg"),
                                         "-f", str(folder / "told.cfg")], stdout=log, stderr=log)
        wait_for("the balancer", lambda: self.socket.exists() and listens(HUB, self.PORT))
        assert self.process.poll() is None, "the balancer has ended: haproxy.log says why"

    def is_up(self, number: int) -> bool:
        """Whether it gives requests to an API."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(b"show stat -1 4 -1\n")
            told = connection.makefile().read()
        servers = {fields[1]: fields[17] for fields in (line.split(",") for line in told.splitlines()) if len(fields) > 17}
        return servers.get(f"api{number}", "").startswith("UP")


def asked(address: str, path: str) -> int:
    """What somebody answers; 0 if nobody does."""
    connection = http.client.HTTPConnection(address, 8080, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()

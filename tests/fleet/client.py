"""A client of the service as its documents tell people to write one: it repeats what may be repeated, and gives nothing up."""

import dataclasses
import http.client
import json
import time
import uuid

# For a job to come to its end: all others may be before it, while everything fails.
PATIENCE = 700


@dataclasses.dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)


def multipart(fields: dict[str, str], files: dict[str, bytes]) -> tuple[str, bytes]:
    boundary = uuid.uuid4().hex
    parts = []
    for name, value in fields.items():
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    for name, content in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.png"\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)


class Client:
    def __init__(self, host: str, port: int, key: str = "") -> None:
        self.host, self.port, self.key = host, port, key
        self.lost = 0

    def once(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            headers = dict(headers or {})
            if self.key:
                headers["Authorization"] = f"Bearer {self.key}"
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def insist(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Repeats a request that got no answer, or one that says to try again."""
        until = time.monotonic() + 300
        while time.monotonic() < until:
            try:
                answer = self.once(method, path, body, headers)
                if answer.status not in (429, 502, 503, 504):
                    return answer
                time.sleep(min(float(answer.headers.get("Retry-After", "0.3")), 1.0))
            except (OSError, http.client.HTTPException):
                time.sleep(0.3)
            self.lost += 1
        raise AssertionError(f"{method} {path} was never answered")

    def submit(self, fields: dict[str, str], files: dict[str, bytes]) -> str:
        kind, body = multipart(fields, files)
        answer = self.insist("POST", "/v1/jobs", body, {"Content-Type": kind, "Idempotency-Key": uuid.uuid4().hex})
        assert answer.status in (200, 202), (answer.status, answer.body)
        return answer.json()["id"]

    def poll_to_the_end(self, job: str) -> dict:
        """By long polls, each of which may be cut off."""
        tag, until = "", time.monotonic() + PATIENCE
        while time.monotonic() < until:
            headers = {"If-None-Match": tag} if tag else {}
            answer = self.insist("GET", f"/v1/jobs/{job}?wait=20", headers=headers)
            assert answer.status in (200, 304), (answer.status, answer.body)
            if answer.status == 200:
                tag = answer.headers["ETag"]
                if answer.json()["finished_at"]:
                    return answer.json()
        raise AssertionError(f"{job} never came to an end")

    def follow_to_the_end(self, job: str) -> tuple[str, int]:
        """By an event stream, taken up again where it broke off: the last state that was told, and how often it broke off."""
        latest, state, breaks = "", "", 0
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
            try:
                headers = {"Authorization": f"Bearer {self.key}", "Accept": "text/event-stream"}
                if latest:
                    headers["Last-Event-ID"] = latest
                connection.request("GET", f"/v1/jobs/{job}/events", headers=headers)
                response = connection.getresponse()
                if response.status == 204:
                    return state, breaks
                for line in response:
                    name, _, value = line.decode().rstrip("\r\n").partition(": ")
                    if name == "id":
                        latest = value
                    elif name == "data" and '"status"' in value:
                        state = json.loads(value)["status"]
                if state in ("succeeded", "failed", "canceled"):
                    return state, breaks
            except (OSError, http.client.HTTPException, ValueError):
                pass
            finally:
                connection.close()
            breaks += 1
            time.sleep(0.3)
        raise AssertionError(f"the events of {job} never came to an end")

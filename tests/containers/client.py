"""A client of the service, of the standard library alone."""

import json
import pathlib
import urllib.error
import urllib.request
import uuid

SAMPLES = pathlib.Path(__file__).parent.parent.parent / "assets/samples"


class Client:
    def __init__(self, address, key=None):
        self.base = f"http://{address}"
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, path, method="GET", body=None, headers=None, timeout=120):
        """Status and body; whatever the status is."""
        request = urllib.request.Request(self.base + path, body, self.headers | (headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def job(self, identity):
        status, body = self.ask(f"/v1/jobs/{identity}")
        return json.loads(body) if status == 200 else {"status": f"answered {status}"}

    def send(self, path, **options):
        """Posts the sample pictures with `options`."""
        boundary = uuid.uuid4().hex
        parts = [field(boundary, f'name="{name}"', str(value).encode()) for name, value in options.items()]
        for role, file in [("content", "chelsea.png"), ("style", "painting.jpg")]:
            parts.append(field(boundary, f'name="{role}"; filename="{file}"', (SAMPLES / file).read_bytes()))
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return self.ask(path, "POST", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def submit(self, **options):
        status, body = self.send("/v1/jobs", **options)
        assert status == 202, (status, body)
        return json.loads(body)["id"]


def field(boundary, what, value):
    return f"--{boundary}\r\nContent-Disposition: form-data; {what}\r\n\r\n".encode() + value + b"\r\n"

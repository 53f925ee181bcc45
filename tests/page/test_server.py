"""The server of the live page: who is answered, what is refused, and that no request holds it up."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib import import_module
from threading import Thread

import pytest

from symbackprop.errors import ArgumentError
from tests.page.test_marked import NETWORK, NOTES

pytest.importorskip("starlette", reason="starlette is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
server = import_module("symbackprop.page.server")

KEY = "a-key"
REQUEST = {"job": "derive", "network": NETWORK}


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Sends requests to a server in a thread of this process."""

    def __init__(self):
        listening = server._listening(0)
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(server.application(KEY, self.port), ws="none", log_level="error")
        self.server = uvicorn.Server(config)
        self.thread = Thread(target=self.server.run, kwargs={"sockets": [listening]})
        self.thread.start()

    def close(self):
        self.server.should_exit = True
        self.thread.join()

    def send(self, method, path, body=None, **headers):
        content = (body or "").encode()
        with closing(HTTPConnection(server.HOST, self.port, timeout=60)) as connection:
            connection.putrequest(method, path, skip_host=True)
            for name, value in ({"Host": f"{server.HOST}:{self.port}"} | headers).items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())

    def get(self, path):
        return self.send("GET", path)

    @property
    def headers(self):
        own = f"http://{server.HOST}:{self.port}"
        return {"X-Symbackprop-Token": KEY, "Content-Type": "application/json", "Origin": own}

    def ask(self, request=REQUEST, **changed):
        headers = {name: value for name, value in (self.headers | changed).items() if value is not None}
        return self.send("POST", "/answer", json.dumps(request), **headers)


@pytest.fixture(scope="module")
def client():
    client = Client()
    yield client
    client.close()


def test_a_request_with_the_token_is_answered(client):
    response = client.ask()
    assert response.status == 200
    assert response.json["count"] == 17
    assert "problem" in client.ask({"job": "derive", "network": "J = "}).json


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"X-Symbackprop-Token": None}, 403),
        ({"X-Symbackprop-Token": "another"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "example.org"}, 400),
        ({"Host": "localhost"}, 400),
    ],
)
def test_requests_from_elsewhere_are_refused(client, changed, status):
    assert client.ask(**changed).status == status


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("[]", 400), ("[" * 10**5, 400), ('"' + "x" * 900_000, 413)])
def test_requests_that_are_none_are_refused(client, body, status):
    assert client.send("POST", "/answer", body, **client.headers).status == status


@pytest.mark.parametrize(
    "path", ["/", "/page.js", "/live.css", "/marked.css", "/stix-two-math-subset.woff2", "/nowhere"]
)
def test_every_response_has_the_headers_of_the_policy(client, path):
    response = client.get(path)
    assert response.status == (404 if path == "/nowhere" else 200)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/../answers.py", "/%2e%2e/answers.py", "/static/../server.py", "/etc/passwd", "//etc/passwd"]
)
def test_no_other_file_is_sent(client, path):
    assert client.get(path).status == 404


def test_the_page_has_no_script_or_style_of_its_own(client):
    page = client.get("/").text
    assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", page)
    assert KEY not in page


def _forever(_):
    while True:
        time.sleep(0.01)


def _hungry(_):
    import resource  # noqa: PLC0415 — not on every system

    resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    return {"size": len(bytearray(3 * 2**30))}


def _killed(_):
    os.kill(os.getpid(), 9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "said"), [(_forever, "more than 1 seconds"), (_hungry, "GiB of memory"), (_killed, "has ended")]
)
def test_work_without_end_is_ended_and_the_next_request_is_answered(client, monkeypatch, work, said):
    with monkeypatch.context() as patch:
        patch.setattr(server, "_answered", work)
        patch.setattr(server, "_SECONDS", {"derive": 1} if work is _forever else {"derive": 20})
        assert said in client.ask().json["problem"]["message"]
    assert client.ask().json["count"] == 17


def test_a_port_that_cannot_be_used_is_named():
    with pytest.raises(ArgumentError, match="--port 99999999: this port cannot be used"):
        server.serve(99999999, announce=print)


# In a browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "symbackprop", "page", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        yield re.search(r"http\S+", running.stdout.readline())[0]
        running.terminate()


def opened(address, state, tmp_path):
    """Return the document after its scripts have run, and what the browser complained about."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = urlsafe_b64encode(packer.compress(json.dumps(state).encode()) + packer.flush()).decode().rstrip("=")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom", f"{address}#{packed}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return run.stdout, [line for line in run.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize(
    ("state", "seen"),
    [
        (
            REQUEST,
            [
                "17 of 17 steps proved",
                "gradient check: right",
                "<mfrac>",
                'aria-pressed="true"',
                "a2.T @ delta3",
                "data:image/svg+xml",
            ],
        ),
        (REQUEST | {"wrt": ["W2"]}, ["steps proved", 'aria-pressed="false"']),
        ({"job": "formula", "formula": "norm(A*x - y)^2"}, ["A: parameter(m, n)", "steps proved", "n×1"]),
        ({"job": "derive", "network": "X: input(N, 2)\nJ = X"}, ["line 2, column", 'class="bad"']),
        ({"job": "proofread", "text": NOTES, "network": NETWORK, "kind": "md"}, ["3 of 7 formulas", "term wrong"]),
    ],
    ids=["network", "one parameter", "formula", "error", "derivation"],
)
def test_the_browser_shows_the_answer(address, state, seen, tmp_path):
    page, complaints = opened(address, state, tmp_path)
    assert complaints == []
    for words in seen:
        assert words in page, page[page.find("<main") :][:600]

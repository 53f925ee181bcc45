"""The server of the live page, for this computer only: it carries requests to `answers` and ends what takes long."""

import hmac
import json
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.page.answers import LONGEST, Answer, answer
from symbackprop.page.marked import signs

try:
    import anyio
    import anyio.to_process
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError:
    raise SymbackpropError("the live page needs optional packages: pip install 'symbackprop[page]'") from None

HOST = "127.0.0.1"
_SECONDS = {"derive": 10, "check": 30, "proofread": 30}
_MEMORY = 2**31  # bytes of a process that answers
_MOST = 4 * LONGEST  # bytes of a request: a text in UTF-8
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FILES = {  # path: (package, file, type)
    "/page.js": ("symbackprop.page", "static/page.js", "text/javascript"),
    "/live.css": ("symbackprop.page", "static/live.css", "text/css"),
    "/marked.css": ("symbackprop.page", "marked.css", "text/css"),
    "/stix-two-math-subset.woff2": ("symbackprop.render", "fonts/stix-two-math-subset.woff2", "font/woff2"),
}
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def application(token: str, port: int) -> Starlette:
    """Return the application; requests for answers must carry the token and come from this page."""
    own = f"{HOST}:{port}"

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def respond(request: Request) -> Response:
            status = _refused(request, own)
            response = _plain(status) if status else await endpoint(request)
            response.headers.update(_HEADERS)
            return response

        return respond

    async def answered(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("x-symbackprop-token", "").encode(), token.encode()):
            return _plain(403)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _plain(415)
        body = await _body(request)
        if body is None:
            return _plain(413)
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            return _plain(400)
        return _json(await _within_limits(asked)) if isinstance(asked, dict) else _plain(400)

    async def missing(request: Request) -> Response:
        return Response(status_code=204) if request.url.path == "/favicon.ico" else _plain(404)

    page = Route("/", guarded(_page), methods=["GET"])
    answers = Route("/answer", guarded(answered), methods=["POST"])
    others = [Route(path, guarded(_static(*file)), methods=["GET"]) for path, file in _FILES.items()]
    rest = Route("/{path:path}", guarded(missing), methods=["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    return Starlette(routes=[page, answers, *others, rest])


def _refused(request: Request, own: str) -> int:
    """Return the status of a request that comes from elsewhere (another name of this computer, another page), or 0."""
    if request.headers.get("host") != own:
        return 400
    origin = request.headers.get("origin")
    return 0 if origin is None or urlsplit(origin).netloc == own else 403


async def _page(_: Request) -> Response:
    text = files("symbackprop.page").joinpath("static", "page.html").read_text(encoding="utf-8")
    return Response(text.replace("<!-- signs -->", signs()), media_type="text/html")


def _static(package: str, name: str, kind: str) -> Endpoint:
    async def respond(_: Request) -> Response:
        return Response(files(package).joinpath(name).read_bytes(), media_type=kind)

    return respond


async def _body(request: Request) -> bytes | None:
    """Return the body of a request, or None if it is too long."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _MOST:
                return None
    except ClientDisconnect:
        return b""
    return body


async def _within_limits(asked: dict[str, Any]) -> Answer:
    """Return the answer of a process of its own, which is ended when its time is over."""
    seconds = _SECONDS.get(str(asked.get("job")), 10)
    try:
        with anyio.fail_after(seconds):
            return await anyio.to_process.run_sync(_answered, asked, cancellable=True)
    except TimeoutError:
        said = f"this takes more than {seconds} seconds; on the command line there is no limit"
    except MemoryError:
        said = f"this takes more than {_MEMORY >> 30} GiB of memory; on the command line there is no limit"
    except anyio.BrokenWorkerProcess:
        said = "the process that computes the answer has ended; perhaps it needed too much memory"
    except Exception as error:  # an error of ours, which must not end the page
        said = f"this cannot be answered: {type(error).__name__}"
    return {"problem": {"message": said}}


def _answered(asked: dict[str, Any]) -> Answer:
    """Answer in a process whose memory is limited."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 — not on every system

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    return answer(asked)


def _json(data: Answer) -> Response:
    return Response(json.dumps(data, ensure_ascii=False), media_type="application/json")


def _plain(status: int) -> Response:
    return Response(f"{status}\n", status_code=status, media_type="text/plain")


def serve(port: int = 0, *, announce: Callable[[str], None]) -> None:
    """Serve the page on a port of this computer, 0 for a free one, until it is interrupted.

    `announce` is called with the address, which contains the token, once the server listens.

    Raises:
        ArgumentError: the port is taken, or is not a port.
    """
    os.environ.update(_ONE_THREAD)  # of the processes that answer: the buffers of many threads are memory, too
    token, listening = secrets.token_urlsafe(16), _listening(port)
    own_port = listening.getsockname()[1]
    config = uvicorn.Config(
        application(token, own_port), ws="none", proxy_headers=False, server_header=False, log_level="error"
    )
    announce(f"http://{HOST}:{own_port}/?key={token}")
    uvicorn.Server(config).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of this computer; who connects is answered once the server runs."""
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen()
    except (OSError, OverflowError):
        made.close()
        raise ArgumentError(f"--port {port}: this port cannot be used; leave the option out for a free one") from None
    return made

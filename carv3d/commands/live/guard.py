"""viser's server, which answers nobody but the user: this machine, or whoever has the token.

viser listens where it is told to and answers everybody. Here every request of it, for the page or for the connection,
passes ``Guard`` first; that it does is tried before the address is given away.
"""

from __future__ import annotations

import contextlib
import http
import http.client
import io
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from carv3d.config.viewer import VERSIONS, require_viser
from carv3d.report.serving import address, names_loopback, token_for
from carv3d.runtime.errors import UserError
from carv3d.runtime.files import reason

if TYPE_CHECKING:
    import viser
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

PORTS = 100  # tried, from the one that is named
HEADERS = {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
           "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

Process = Callable[["ServerConnection", "Request"], "Response | None"]


@dataclass(frozen=True)
class Guard:
    """Refuses whatever does not come by the address that was given to the user.

    A request without the token finds nothing. Without one, it must name this machine, and a connection from a page must
    come from a page of this server: else any site that the user visits could steer the run.
    """

    token: str
    inner: Process

    def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if not self.token and not names_loopback(host):
            return _answer(http.HTTPStatus.FORBIDDEN)
        if origin is not None and urlsplit(origin).netloc != host:
            return _answer(http.HTTPStatus.FORBIDDEN)
        if self.token:
            first, slash, rest = request.path.lstrip("/").partition("/")
            if not compare_digest(first.partition("?")[0].encode("utf-8", "replace"), self.token.encode()):
                return _answer(http.HTTPStatus.NOT_FOUND)
            if not slash and "Upgrade" not in request.headers:
                return _answer(http.HTTPStatus.FOUND, f"/{self.token}/")
            request.path = f"/{rest}"
        answer = self.inner(connection, request)
        if answer is not None:
            answer.headers.update(HEADERS)
        return answer


def _answer(status: http.HTTPStatus, where: str = "") -> Response:
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    return Response(status, status.phrase, Headers({**HEADERS, "Content-Length": "0", "Connection": "close"}
                                                   | ({"Location": where} if where else {})))


def check(host: str, port: int) -> None:
    """UserError where no server can be opened."""
    require_viser("viewer.enabled")
    _free(host, port)


def open_server(host: str, port: int) -> tuple[viser.ViserServer, str]:
    """A guarded server at ``port``, or the next that is free, and its address. UserError where there can be none."""
    require_viser("viewer.enabled")
    import viser
    from websockets.asyncio import server as sockets

    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)  # of those that were refused
    token, serve = token_for(host), sockets.serve

    def guarded(*args: Any, process_request: Process, **kwargs: Any) -> Any:
        return serve(*args, process_request=Guard(token, process_request), **kwargs)

    port = _free(host, port)
    with _replaced(sockets, "serve", guarded), hushed():
        server = viser.ViserServer(host=host, port=port, verbose=False)
    port = server.get_port()
    try:
        _try_guard(host, port)
    except UserError:
        close(server)
        raise
    return server, address(host, port, token)


def close(server: viser.ViserServer) -> None:
    """Ends it, and says nothing of it."""
    with hushed():
        server.stop()


def _free(host: str, port: int) -> int:
    """The first port from ``port`` on that can be listened at."""
    why = ""
    for each in [0] if port == 0 else range(port, min(port + PORTS, 65536)):
        try:
            with socket.create_server((host, each), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
                return each
        except OSError as error:
            why = reason(error)
    raise UserError(f"viewer.host {host} viewer.port {port}: nothing can be served there ({why}); give another "
                    "viewer.port, or 0 for any that is free, or another viewer.host")


def _try_guard(host: str, port: int) -> None:
    """UserError unless a stranger's request is refused: viser may one day serve in a way that is not known here."""
    name = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    asked = http.client.HTTPConnection(name, port, timeout=10)
    try:
        asked.request("GET", "/", headers={"Host": "stranger.example"})
        status = asked.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"viewer.enabled: viser's server does not answer ({reason(error)}); leave the viewer out, or "
                        f"pip install '{VERSIONS}'") from None
    finally:
        asked.close()
    if status not in (403, 404):
        raise UserError(f"viewer.enabled: this viser's server cannot be kept from strangers; pip install '{VERSIONS}'")


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: object) -> Iterator[None]:
    """``module.name``, which viser looks up when it begins to serve, is ``value`` meanwhile."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


_hushing = threading.Lock()


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """stdout is for results; viser greets there."""
    with _hushing, contextlib.redirect_stdout(io.StringIO()):
        yield

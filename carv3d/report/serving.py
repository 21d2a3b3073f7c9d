"""Pages over HTTP: the files of chosen folders and nothing else, to this machine unless a host is named.

What may be asked for is known beforehand: a path is looked up, never joined to a folder, so that none leads anywhere
else. To other machines everything lies below a random word, the token.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from carv3d.runtime.errors import UserError
from carv3d.runtime.files import reason

KINDS = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".png": "image/png",
         ".gif": "image/gif", ".mp4": "video/mp4", ".json": "application/json", ".glb": "model/gltf-binary",
         ".obj": "text/plain; charset=utf-8", ".mtl": "text/plain; charset=utf-8",
         ".ply": "application/octet-stream"}
POLICY = ("default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; "
          "script-src 'self' blob: 'unsafe-inline' 'wasm-unsafe-eval'; worker-src blob:; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'")
CHUNK = 1 << 16  # bytes read and sent at a time


class Page(NamedTuple):
    """An answer made in memory. moved: where to go instead, relative."""

    content: bytes
    kind: str = KINDS[".html"]
    status: int = 200
    moved: str = ""


Answer = Page | Path | None
"""A page, a file, or nothing there."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_for(host: str) -> str:
    """What the address holds where other machines may ask: a random word, or nothing."""
    return "" if is_loopback(host) else secrets.token_urlsafe(24)


def address(host: str, port: int, token: str) -> str:
    """With the token, if there is one, and a slash at its end."""
    name = socket.gethostname() if host in ("", "0.0.0.0", "::") else host
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/" + (f"{token}/" if token else "")


def names_loopback(host: str) -> bool:
    """Whether a request's Host is a name of this machine for itself, which is all that a server without a token may
    answer to: any page on the web could ask through a name of its own that it points here."""
    name = host.rsplit(":", 1)[0] if re.search(r":\d+$", host) else host
    return is_loopback(name.strip("[]"))


class Server(ThreadingHTTPServer):
    """answer: of decoded path segments, called in a thread for each request; UserError is told to who asked."""

    daemon_threads = True

    def __init__(self, host: str, port: int, answer: Callable[[tuple[str, ...]], Answer]):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer, self.host = answer, host
        self.token = token_for(host)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise UserError(f"--host {host} --port {port}: nothing can be served there ({reason(error)}); give another "
                            "--port, or 0 for any that is free, or another --host") from None

    def server_bind(self) -> None:
        """Without the look-up of a name that http.server makes, which can take seconds."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.host, self.server_address[1]

    @property
    def url(self) -> str:
        """With the token, if there is one, and a slash at its end."""
        return address(self.host, self.server_port, self.token)

    def knows(self, host: str) -> bool:
        """Whether a request's Host may be."""
        return bool(self.token) or names_loopback(host)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is nobody's fault."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "carv3d", ""
    timeout = 60

    def do_GET(self) -> None:
        self._respond(self._answer())

    do_HEAD = do_GET

    def _answer(self) -> Answer:
        if not self.server.knows(self.headers.get("Host", "")):
            return Page(b"this host is not known here\n", "text/plain", 403)
        try:
            parts = tuple(unquote(part, errors="strict") for part in urlsplit(self.path).path.split("/")[1:])
        except (UnicodeDecodeError, ValueError):
            return None
        if token := self.server.token:
            if not hmac.compare_digest(parts[0].encode(), token.encode()):
                return None
            if len(parts) == 1:
                return Page(b"", status=302, moved=f"{token}/")
            parts = parts[1:]
        try:
            return self.server.answer(parts)
        except UserError as error:
            return Page(f"carv3d: {error}\n".encode("utf-8", "replace"), "text/plain; charset=utf-8", 500)

    def _respond(self, answer: Answer) -> None:
        if isinstance(answer, Path):
            try:
                file = os.open(answer, os.O_RDONLY | os.O_NOFOLLOW)
            except OSError:
                answer = None
            else:
                with open(file, "rb"):
                    return self._file(file, KINDS[answer.suffix])
        page = answer or Page(b"not found\n", "text/plain", 404)
        self._head(page.status, page.kind, len(page.content), {"Location": quote(page.moved)} if page.moved else {})
        if self.command == "GET":
            self.wfile.write(page.content)

    def _file(self, file: int, kind: str) -> None:
        """The file, or the part of it that is asked for: browsers ask for videos in parts."""
        size = os.fstat(file).st_size
        first, last, status, extra = 0, size - 1, 200, {"Accept-Ranges": "bytes"}
        if asked := re.fullmatch(r"bytes=(\d{1,15})-(\d{0,15})", self.headers.get("Range", "")):
            first, last = int(asked[1]), min(int(asked[2] or last), last)
            if first > last:
                return self._head(416, "text/plain", 0, {"Content-Range": f"bytes */{size}"})
            status, extra = 206, extra | {"Content-Range": f"bytes {first}-{last}/{size}"}
        self._head(status, kind, last - first + 1, extra)
        while self.command == "GET" and first <= last:
            if not (part := os.pread(file, min(CHUNK, last - first + 1), first)):
                self.close_connection = True  # it has become shorter
                return
            self.wfile.write(part)
            first += len(part)

    def _head(self, status: int, kind: str, length: int, extra: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(length), "Cache-Control": "no-cache",
                            "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
                            "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
                            **extra}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: who asked for what is not the user's concern, and URLs hold the token."""

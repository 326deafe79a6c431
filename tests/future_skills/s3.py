"""A store on this machine that speaks as much of S3 as is asked of it: objects, ranges of them, uploads whole or in parts.

It checks no credentials. What is tried against it is the way to such a store, not any provider's own store.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"


class Store(ThreadingHTTPServer):
    """The objects, by their address (``/bucket/key``)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What leads a client here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "eu-west-3",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
        }


@contextmanager
def store() -> Iterator[Store]:
    """A store that is open."""
    opened = Store()
    thread = Thread(target=opened.serve_forever, daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        opened.shutdown()
        thread.join()
        opened.server_close()


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 — the name it has
        """Say nothing."""

    @property
    def key(self) -> str:
        return urlsplit(self.path).path

    @property
    def asked(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        content = self.server.objects.get(self.key)
        if content is None:
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        known = {"ETag": '"x"', "Last_Modified": MODIFIED}
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            return self.answer(200, content, **known)
        size = len(content)
        first = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        end = min(int(asked[2]) + 1, size) if asked[1] and asked[2] else size
        return self.answer(206, content[first:end], Content_Range=f"bytes {first}-{end - 1}/{size}", **known)

    def do_PUT(self) -> None:
        content, asked = self.body(), self.asked
        if "uploadId" in asked:
            self.server.uploads[asked["uploadId"]][int(asked["partNumber"])] = content
        else:
            self.server.objects[self.key] = content
        self.answer(200, ETag=f'"{hashlib.md5(content).hexdigest()}"')

    def do_POST(self) -> None:
        self.body()
        asked = self.asked
        if "uploads" in asked:
            name = str(len(self.server.uploads) + 1)
            self.server.uploads[name] = {}
            tag = "InitiateMultipartUploadResult"
            words = f"<{tag}><Bucket>b</Bucket><Key>k</Key><UploadId>{name}</UploadId></{tag}>"
            return self.answer(200, words.encode())
        parts = self.server.uploads.pop(asked["uploadId"])
        self.server.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
        return self.answer(200, b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

"""A model hub on loopback that speaks as much of the Hugging Face hub's HTTP as the library needs to push and pull.

    with hub_stand_in() as hub:
        HfApi(endpoint=hub.address, token="anything").create_repo("me/model")
        hub.repositories["me/model"]["card.json"] = b"..."     # what a stranger may have put there

Every commit is the state of all files; any revision is answered with the newest. Large files go through LFS, as there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class HubStandIn:
    """repositories: owner/name -> path -> bytes.  sizes: what the list of files says instead of a file's own size."""

    address: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    """Large files by SHA-256."""
    spoiled: set[str] = field(default_factory=set)
    """Paths whose bytes come damaged."""
    asked: list[str] = field(default_factory=list)

    def commit_of(self, name: str) -> str:
        """The newest commit, as long as one of git's."""
        told = {path: hashlib.sha256(content).hexdigest() for path, content in self.repositories[name].items()}
        return hashlib.sha1(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def tree(self, name: str) -> list[dict[str, Any]]:
        files = self.repositories[name].items()
        return [
            {"type": "file", "path": path, "size": self.sizes.get(path, len(content)), "oid": _blob(content)}
            for path, content in files
        ]

    def take_commit(self, name: str, lines: list[dict[str, Any]]) -> dict[str, str]:
        for line in lines:
            told = line["value"]
            if line["key"] == "file":
                self.repositories[name][told["path"]] = base64.b64decode(told["content"])
            elif line["key"] == "lfsFile":
                self.repositories[name][told["path"]] = self.stored[told["oid"]]
        oid = self.commit_of(name)
        return {"commitUrl": f"{self.address}/{name}/commit/{oid}", "commitOid": oid}


def _blob(content: bytes) -> str:
    """git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: HubStandIn

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self.hub.asked.append(path)
        if path.startswith("api/models/"):
            name, _, rest = _named(path.removeprefix("api/models/"))
            if name not in self.hub.repositories:
                self._refuse("RepoNotFound")
            elif rest.startswith("tree/"):
                self._reply(self.hub.tree(name))
            else:
                self._reply({"id": name, "modelId": name, "sha": self.hub.commit_of(name), "siblings": []})
            return
        name, _, rest = _named(path)
        file = rest.split("/", 2)[-1]
        if file not in self.hub.repositories.get(name, {}):
            self._refuse("EntryNotFound")
            return
        content = self.hub.repositories[name][file]
        if file in self.hub.spoiled:
            content = content[:-1] + bytes([content[-1] ^ 1])
        headers = {"X-Repo-Commit": self.hub.commit_of(name), "ETag": f'"{_blob(content)}"'}
        self._send(200, content, headers)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path.lstrip("/"), self._body()
        if path == "api/validate-yaml":
            self._reply({"errors": [], "warnings": []})
        elif "Bearer " not in self.headers.get("Authorization", ""):
            self._send(401, b"{}", {})
        elif path == "api/repos/create":
            told = json.loads(body)
            name = f"{told['organization']}/{told['name']}"
            self.hub.repositories.setdefault(name, {})
            self._reply({"url": f"{self.hub.address}/{name}", "id": name})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            mode = {True: "lfs", False: "regular"}
            told = [
                {"path": f["path"], "uploadMode": mode[f["path"].endswith(".safetensors")], "shouldIgnore": False}
                for f in files
            ]
            self._reply({"files": told})
        elif path.endswith("info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            told = [{**o, "actions": {"upload": {"href": f"{self.hub.address}/upload/{o['oid']}"}}} for o in objects]
            self._reply({"transfer": "basic", "objects": told})
        elif "/commit/" in path:
            name = _named(path.removeprefix("api/models/"))[0]
            self._reply(self.hub.take_commit(name, [json.loads(line) for line in body.splitlines()]))
        else:
            self._refuse("EntryNotFound")

    def do_PUT(self) -> None:
        content, oid = self._body(), self.path.rpartition("/")[2]
        if hashlib.sha256(content).hexdigest() == oid:
            self.hub.stored[oid] = content
        self._reply({})

    def log_message(self, *_: Any) -> None:
        return

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, code: str) -> None:
        self._send(404, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _named(path: str) -> tuple[str, str, str]:
    """owner/name/rest, also owner/name.git/rest"""
    owner, _, further = path.partition("/")
    name, slash, rest = further.partition("/")
    return f"{owner}/{name.removesuffix('.git')}", slash, rest


@contextmanager
def hub_stand_in() -> Iterator[HubStandIn]:
    """Serves until the block ends."""
    hub = HubStandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    serving.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        serving.join(timeout=10)

"""A small FastMCP 4 server: `stdio`, or `http [PORT]`. Port 0 (the default) takes a free one.

Over HTTP the first line printed is `listening on URL`.
"""

import json
import socket
import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_http_headers

server = FastMCP("fastmcp-peer")


@server.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool
def echo(text: str) -> str:
    """Answers with its text."""
    return text


@server.tool
def headers() -> str:
    """Answers with the headers of its request, as JSON."""
    return json.dumps(get_http_headers(include_all=True))


@server.tool
def admin() -> str:
    """Does what not everyone may."""
    return "done"


def main():
    match sys.argv[1:]:
        case ["stdio"]:
            server.run("stdio", show_banner=False)
        case ["http"] | ["http", _]:
            listener = socket.create_server(("127.0.0.1", int((sys.argv + ["0"])[2])))
            print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
            config = uvicorn.Config(server.http_app(path="/mcp"), log_level="warning")
            uvicorn.Server(config).run(sockets=[listener])
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()

"""The Python SDK 2.3, in either era; the command line and the output are those of line.mjs."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

MODES = {"modern": "2026-07-28", "legacy": "legacy", "auto": "auto"}


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("token")
    parser.add_argument("--era", choices=MODES, default="auto")
    parser.add_argument("--call", nargs=2, metavar=("TOOL", "JSON"))
    parser.add_argument("--refused", nargs=2, metavar=("TOOL", "JSON"))
    return parser.parse_args()


def transport(server, token):
    if server.startswith("stdio:"):
        command, *arguments = server.removeprefix("stdio:").split(" ")
        return StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    if token.startswith("@"):
        token = Path(token[1:]).read_text().strip()
    headers = {} if token == "-" else {"authorization": f"Bearer {token}"}
    return streamable_http_client(server, http_client=create_mcp_http_client(headers=headers))


async def elicited(_context, _params):
    return types.ElicitResult(action="accept", content={"answer": "blue"})


def told(error):
    """All that the client can tell about a failure, out of its innermost exception."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    response = getattr(error, "response", None)
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "code": getattr(error, "code", None),
        "data": getattr(error, "data", None),
        "status": getattr(response, "status_code", None),
    }


async def attempt(client, name, arguments):
    try:
        result = await client.call_tool(name, json.loads(arguments))
    except Exception as error:
        return {"name": name, "error": told(error)}
    plain = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    if result.is_error:
        text = plain["content"][0].get("text") if plain["content"] else None
        return {"name": name, "error": {"kind": "tool", "message": text}, "result": plain}
    return {"name": name, "result": plain}


async def talk(asked, line):
    good = True
    server = transport(asked.server, asked.token)
    async with Client(server, mode=MODES[asked.era], elicitation_callback=elicited) as client:
        line["version"] = client.protocol_version
        line["tools"] = []
        cursor = None
        while True:
            page = await client.list_tools(cursor=cursor)
            line["tools"] += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        if asked.call:
            line["called"] = await attempt(client, *asked.call)
            good &= "error" not in line["called"]
        if asked.refused:
            line["refused"] = await attempt(client, *asked.refused)
            good &= "error" in line["refused"]
    return good


def main():
    line = {}
    try:
        good = asyncio.run(talk(options(), line))
    except BaseExceptionGroup as error:
        line["failed"] = told(error)
        good = False
    except Exception as error:
        line["failed"] = told(error)
        good = False
    print(json.dumps(line))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

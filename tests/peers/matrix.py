#!/usr/bin/env python3
"""Every real server with every official client that speaks one of its eras.

    run python3 matrix.py [--doorward BINARY] [--json FILE] [SERVER...]

Alone, it shows that the peers work with each other: list, one call whose answer
is checked, and one call of a tool that isn't there. With `--doorward`, each
server stands behind `doorward serve`, the caller has a token with the role
`user`, and the second call is of a tool that needs the role `Admin`; it must be
refused and not listed, and must have no effect.

Prints a line per pair, then `passed N failed M`; exits 0 if none failed.
"""

import argparse
import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = str(HERE / "run")
ABSENT = ("no_such_tool", {})
CLIENTS = [
    ("modern", "modern"),
    ("python", "modern"),
    ("modern", "legacy"),
    ("python", "legacy"),
    ("legacy", "legacy"),
]


@dataclass
class Server:
    """One real server, and what it is asked."""

    command: list[str]
    eras: tuple[str, ...]
    call: tuple[str, dict]
    expect: str
    refused: tuple[str, dict] = ABSENT
    port: bool = False  # over HTTP; `{port}` in the command or PORT in the environment
    call_fails: bool = False  # the server itself refuses the call
    environment: dict[str, str] = field(default_factory=dict)


def servers(folder):
    """All servers, on files in `folder`."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "hello.txt").write_text("hello from a file\n")
    memory = folder / "memory.json"
    both, old = ("modern", "legacy"), ("legacy",)
    new_file = {"path": str(folder / "written.txt"), "content": "x"}
    repository = {"repo_path": str(folder)}
    return {
        "everything": Server(["everything", "stdio"], old, ("echo", {"message": "hi"}), "Echo: hi", ("get-env", {})),
        "everything-http": Server(
            ["everything", "streamableHttp"], old, ("echo", {"message": "hi"}), "Echo: hi", ("get-env", {}), port=True
        ),
        "filesystem": Server(
            ["filesystem", str(folder)],
            old,
            ("read_text_file", {"path": str(folder / "hello.txt")}),
            "hello from a file",
            ("write_file", new_file),
        ),
        "memory": Server(
            ["memory"],
            old,
            ("read_graph", {}),
            "entities",
            ("create_entities", {"entities": [{"name": "x", "entityType": "y", "observations": []}]}),
            environment={"MEMORY_FILE_PATH": str(memory)},
        ),
        "git": Server(["git", "--repository", str(folder)], both, ("git_status", repository), "On branch", ("git_reset", repository)),
        "fetch": Server(["fetch"], both, ("fetch", {"url": "http://127.0.0.1:9/"}), "", call_fails=True),
        "time": Server(
            ["time"],
            both,
            ("get_current_time", {"timezone": "UTC"}),
            "UTC",
            ("convert_time", {"source_timezone": "UTC", "time": "10:00", "target_timezone": "UTC"}),
        ),
        "fastmcp": Server(["fastmcp", "stdio"], both, ("add", {"a": 2, "b": 3}), "5", ("admin", {})),
        "fastmcp-http": Server(["fastmcp", "http", "{port}"], both, ("add", {"a": 2, "b": 3}), "5", ("admin", {}), port=True),
        "ts-http": Server(["ts-http", "{port}"], old, ("echo", {"text": "hi"}), "hi", ("admin", {}), port=True),
    }


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def process(command, ready, stream, environment=None):
    """A process that runs until the end of the block; ready once `ready` was printed."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: subprocess.PIPE}
    child = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, **pipes)
    try:
        yield child, wait_for(child, getattr(child, stream), ready)
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


def wait_for(child, pipe, pattern, seconds=30):
    seen = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([pipe], [], [], 0.2)[0]:
            piece = os.read(pipe.fileno(), 65536)
            seen += piece
            if found := re.search(pattern, seen.decode(errors="replace")):
                return found
            if not piece:
                break
    raise RuntimeError(f"not ready: {seen.decode(errors='replace')[-2000:]}")


def started(stack, server):
    """Starts a server over HTTP; its URL."""
    port = free_port()
    command = [RUN, *(word.replace("{port}", str(port)) for word in server.command)]
    # server-everything speaks of its port on standard error, the others on standard output.
    everything = server.command[0] == "everything"
    stream, ready = ("stderr", r"listening on port") if everything else ("stdout", r"listening on http")
    stack.enter_context(process(command, ready, stream, {"PORT": str(port), **server.environment}))
    return f"http://127.0.0.1:{port}/mcp"


def direct(stack, name, server, _options):
    """Where clients reach the server itself, and the token that it wants."""
    if server.port:
        return started(stack, server), "-"
    os.environ.update(server.environment)
    return "stdio:" + " ".join([RUN, *server.command]), "-"


def guarded(stack, name, server, options):
    """Where clients reach the server through Doorward, and a token for it."""
    state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if server.port:
        upstream = {"url": started(stack, server)}
    else:
        needed = {"DOORWARD_PEERS": os.environ["DOORWARD_PEERS"], **server.environment}
        # A child gets no environment that isn't named, so it is named here.
        words = ["env", *(f"{key}={value}" for key, value in needed.items()), RUN, *server.command]
        upstream = {"command": words}
    port = free_port()
    rules = [{"discovery": True, "allow": "anonymous"}]
    if server.refused != ABSENT:
        rules.append({"tool": server.refused[0], "policy": "Admins"})
    rules += [{kind: "*", "policy": "Users"} for kind in ("tool", "resource", "prompt")]
    config = {
        "public_url": f"http://localhost:{port}",
        "listen": f"127.0.0.1:{port}",
        # Several nodes may run side by side here.
        "admin": {"listen": "127.0.0.1:0"},
        "policies": {"Users": {"require": {"role": "user"}}, "Admins": {"require": {"role": "Admin"}}},
        "servers": {name: {"upstream": upstream, "rules": rules}},
    }
    # JSON is YAML.
    file = state / "doorward.yaml"
    file.write_text(json.dumps(config, indent=1))
    serve = [options.doorward, "serve", "--config", str(file), "--state", str(state)]
    stack.enter_context(process(serve, r"ready http\S+", "stderr"))
    issue = [options.doorward, "token", "issue", "--user", "ada", "--role", "user", "--server", name]
    issue += ["--config", str(file), "--state", str(state)]
    token = subprocess.run(issue, check=True, capture_output=True, text=True).stdout.strip()
    return f"http://localhost:{port}/mcp/{name}", token


def talk(client, era, where, token, server):
    """One client's line, or why there is none."""
    call, refused = server.call, server.refused
    command = [RUN, client, where, token, "--era", era]
    command += ["--call", call[0], json.dumps(call[1]), "--refused", refused[0], json.dumps(refused[1])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=90)
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        return {"failed": {"message": str(error)}}


def mistakes(line, era, server, through_doorward):
    """What isn't as it must be in a client's line."""
    if "failed" in line:
        yield f"failed: {line['failed'].get('message')}"
        return
    if (line["version"] == "2026-07-28") != (era == "modern"):
        yield f"spoke {line['version']}"
    if server.call[0] not in line["tools"]:
        yield f"`{server.call[0]}` isn't listed"
    called = line["called"]
    if server.call_fails:
        if called.get("error", {}).get("kind") not in ("tool", "MCPError", "ProtocolError", "McpError"):
            yield f"the server's own refusal didn't arrive: {called}"
    elif "error" in called or server.expect not in json.dumps(called.get("result")):
        yield f"the call gave {json.dumps(called)[:300]}"
    refused = line["refused"]
    if "error" not in refused:
        yield f"`{refused['name']}` wasn't refused"
    if through_doorward and server.refused[0] in line["tools"]:
        yield f"`{server.refused[0]}` is listed though it is refused"


def effects(folder):
    """What a refused tool would have left behind."""
    if (folder / "written.txt").exists():
        yield "`write_file` wrote"
    memory = folder / "memory.json"
    if memory.exists() and "entityType" in memory.read_text():
        yield "`create_entities` wrote"


def pair(name, client, era, folder, options):
    """One client with one server: the client's line, and what is wrong with it."""
    # A server and files anew: nothing is left over from the pair before.
    server = servers(folder)[name]
    if not options.doorward:
        server.refused = ABSENT
    reach = guarded if options.doorward else direct
    with ExitStack() as stack:
        try:
            where, token = reach(stack, name, server, options)
            line = talk(client, era, where, token, server)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            line = {"failed": {"message": str(error)}}
    return line, [*mistakes(line, era, server, bool(options.doorward)), *effects(folder)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doorward", metavar="BINARY", help="put each server behind this Doorward")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every client's line there")
    parser.add_argument("servers", nargs="*", metavar="SERVER")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        return run(options, scratch)


def run(options, scratch):
    known = servers(Path(tempfile.mkdtemp(dir=scratch)))
    pairs = [
        (name, client, era)
        for name in options.servers or known
        for client, era in CLIENTS
        if era in known[name].eras
    ]
    lines = []
    for name, client, era in pairs:
        line, wrong = pair(name, client, era, Path(tempfile.mkdtemp(dir=scratch)), options)
        lines.append({"server": name, "client": client, "era": era, "wrong": wrong, "line": line})
        outcome = "FAILED" if wrong else "ok"
        print(f"{outcome:6} {name:16} {client:7} {era:7} {'; '.join(wrong)}".rstrip(), flush=True)
    failed = sum(bool(line["wrong"]) for line in lines)
    if options.json:
        options.json.write_text(json.dumps(lines, indent=1) + "\n")
    print(f"passed {len(lines) - failed} failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

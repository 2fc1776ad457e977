"""Uses a real OpenClaw the way people do, with every file that it opens or executes on record.

The installation is used in place, because its records hold whole paths. Nothing here decides anything: `Session.use` leaves the logs
of strace, and prints what was done and how it ended.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import defaultdict
from pathlib import Path

# Seconds. A start compiles some thousands of files on two busy cores.
START = 180
VERB = 240
TOKEN = "trace-only-token"


class Session:
    """One installation at `root`, the dummy provider and MCP server of `tools`, and a folder `work` for logs."""

    def __init__(self, root, tools, work):
        self.root, self.tools, self.work = root, tools, work
        self.home = root / "home"
        self.state = self.home / ".openclaw"
        self.tmp = work / "tmp"
        self.logs = work / "strace"
        self.node = root / "bin/node"
        self.host = root / "app/node_modules/openclaw"
        self.port = free_port()
        self.provider_log = work / "provider.log"
        # What was not used as it should have been: a trace of less would find less.
        self.failed = []
        for folder in (self.tmp, self.logs):
            folder.mkdir(parents=True)

    def environment(self):
        return {
            "PATH": f"{self.root}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "LANG": "C.UTF-8",
            "SHELL": "/bin/bash",
            "OPENCLAW_STATE_DIR": str(self.state),
        }

    # Preparing

    def prepare(self):
        """Everything that a gateway needs: a model provider, an MCP server, hooks, text for the agent."""
        server = self.home / "mcp/dummy-mcp.mjs"
        server.parent.mkdir()
        shutil.copy(self.tools / "dummy-mcp.mjs", server)
        for name in (".bashrc", ".profile", ".gitconfig"):
            (self.home / name).touch()
        # There is no network here, and what `npx` starts gets none of the variables below: without this it waits for half a minute.
        (self.home / ".npmrc").write_text("offline=true\n")
        workspace = self.state / "workspace"
        for name in ("BOOT", "AGENTS", "SOUL", "TOOLS", "USER", "IDENTITY", "MEMORY", "HEARTBEAT"):
            (workspace / f"{name}.md").write_text(f"# {name}\n\nAnswer in one word.\n")
        (workspace / "memory").mkdir()
        (workspace / "memory" / time.strftime("%Y-%m-%d.md")).write_text("Nothing happened.\n")
        subprocess.run(["git", "init", "-q", workspace], check=True, env={"PATH": "/usr/bin:/bin", "HOME": str(self.home)})
        (self.state / ".env").write_text("TRACE_ONLY=1\n")
        path = self.state / "openclaw.json"
        config = json.loads(path.read_text())
        merge(
            config,
            {
                "gateway": {
                    "mode": "local",
                    "bind": "loopback",
                    "port": self.port,
                    "auth": {"mode": "token", "token": TOKEN},
                },
                "models": {
                    "providers": {
                        "dummy": {
                            "baseUrl": f"http://127.0.0.1:{self.provider()}/v1",
                            "apiKey": "not-a-secret",
                            "api": "openai-completions",
                            "models": [{"id": "m", "name": "m"}],
                        }
                    }
                },
                "agents": {"defaults": {"model": {"primary": "dummy/m"}}},
                "mcp": {"servers": {"dummy": {"command": "node", "args": [str(server)]}}},
                "hooks": {
                    "enabled": True,
                    "token": f"{TOKEN}-of-hooks",
                    "internal": {"enabled": True, "entries": {"boot-md": {"enabled": True}}},
                },
            },
        )
        path.write_text(json.dumps(config, indent=2) + "\n")

    def provider(self):
        """Starts the model provider, which answers the first request of a conversation with a command to run."""
        tool = self.work / "tool.json"
        tool.write_text(json.dumps({"name": "exec", "args": {"command": "echo traced-$((6*7))"}}))
        port = free_port()
        self.start("provider", [self.node, self.tools / "dummy-llm.mjs", port, self.provider_log, tool])
        wait_for("the provider", lambda: listens(port), 30)
        return port

    # Using

    def use(self):
        """Starts the gateway, uses it, and runs what people run on the command line. Ends everything that it started."""
        gateway = self.traced("gateway", "gateway", "run")
        wait_for("the gateway", lambda: self.page("/") is not None or gateway.poll() is not None, START)
        if gateway.poll() is not None:
            raise RuntimeError(f"the gateway ended: {self.output('gateway')}")
        self.fetch_the_control_ui()
        self.verb("agent", "agent", "--agent", "main", "-m", "hello", "--json")
        self.verb("agent-new", "agent", "--agent", "main", "-m", "/new", "--json")
        self.jobs()
        self.wake()
        self.node_host()
        for words in (
            "plugins list",
            "skills list",
            "hooks list",
            "mcp list",
            "models list",
            "agents list",
            "status",
            "doctor --non-interactive",
            "security audit",
            "memory index",
            "logs",
            "completion --write-state --shell bash",
        ):
            self.verb(words.split(" --")[0].replace(" ", "-"), *words.split())
        self.week()
        self.end(gateway)
        gateway = self.traced("gateway-again", "gateway", "run")
        wait_for("the gateway, once more", lambda: self.page("/") is not None or gateway.poll() is not None, START)
        if gateway.poll() is not None:
            raise RuntimeError(f"the gateway ended: {self.output('gateway-again')}")
        self.end(gateway)
        self.verb("agent-local", "agent", "--local", "--agent", "main", "-m", "hello", "--json")
        self.end_everything()

    def week(self):
        """What an agent and its user do without a second thought."""
        workspace = self.state / "workspace"
        with open(workspace / "MEMORY.md", "a") as memory:
            memory.write("The plants are fine.\n")
        (workspace / "memory/later.md").write_text("Watered.\n")
        (workspace / "USER.md").write_text("Likes plants.\n")
        self.verb("config-set", "config", "set", "messages.ackReaction", '"!"')

    def jobs(self):
        """A job that runs a command and one that prompts the agent."""
        for name, payload in (
            ("command", ("--command-argv", '["/bin/sh", "-c", "echo traced"]')),
            ("prompt", ("--message", "water the plants", "--agent", "main")),
        ):
            added = self.verb(f"cron-add-{name}", "cron", "add", "--name", name, "--every", "1d", "--no-deliver", "--json", *payload)
            job = json.loads(added[added.index("{") :])["id"]
            self.verb(f"cron-run-{name}", "cron", "run", job, "--wait", "--wait-timeout", "60s")

    def wake(self):
        """The HTTP door of the hooks."""
        body = json.dumps({"text": "the kettle boils", "mode": "now"})
        answer = self.page("/hooks/wake", body, {"Authorization": f"Bearer {TOKEN}-of-hooks"})
        self.note("hooks-wake", answer.status if answer else "no answer", answer and answer.status == 200)

    def node_host(self):
        """`node run` does not end by itself."""
        node = self.traced("node-run", "node", "run", "--host", "127.0.0.1", "--port", str(self.port))
        wait_for("node run", lambda: node.poll() is not None, 25, fail=False)
        self.note("node-run", "ended by itself" if node.poll() is not None else "stopped", node.poll() is None)
        self.end(node)

    def fetch_the_control_ui(self):
        """As a browser: the page, and what it names."""
        page = self.page("/")
        text = page.text if page else ""
        fetched = 0
        for word in text.replace("'", '"').split('"'):
            if word.endswith((".js", ".css", ".svg", ".png", ".ico", ".json", ".webmanifest")) and "//" not in word:
                answer = self.page("/" + word.lstrip("./"))
                fetched += answer is not None and answer.status == 200
        self.note("control-ui", f"{fetched} files", fetched)

    def page(self, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST" if body else "GET", path, body, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            answer.text = answer.read().decode(errors="replace")
            return answer
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    # Processes

    def verb(self, name, *arguments):
        """One run of `openclaw`; what it prints."""
        started = time.monotonic()
        process = self.traced(name, *arguments)
        try:
            code = process.wait(VERB)
        except subprocess.TimeoutExpired:
            code = "stopped"
            self.end(process)
        self.note(name, f"{code}, {time.monotonic() - started:.0f} s", code == 0)
        return self.output(name)

    def traced(self, name, *arguments):
        record = [
            *("strace", "-ff", "--seccomp-bpf", "-qq", "-y", "-s", "4096", "-o", self.logs / name),
            *("-e", "trace=execve,execveat,open,openat,openat2", "-e", "status=successful"),
        ]
        return self.start(name, [*record, self.node, self.host / "openclaw.mjs", *arguments])

    def start(self, name, command):
        with open(self.work / f"{name}.out", "wb") as out:
            return subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.home,
                start_new_session=True,
            )

    def output(self, name):
        return (self.work / f"{name}.out").read_text(errors="replace")

    def end(self, process):
        """A gentle end first: what is traced gets the signal, strace ends with it."""
        for pid in children()[process.pid]:
            send(pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            send(process.pid, signal.SIGKILL)
            process.wait()

    def end_everything(self):
        """Whatever is still below this process."""
        for _ in range(50):
            below = descendants(os.getpid())
            if not below:
                return
            for pid in below:
                send(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"still running: {descendants(os.getpid())}")

    def note(self, name, how, worked):
        print(f"  {name}: {how}", flush=True)
        if not worked:
            self.failed.append(name)


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what, done, seconds, fail=True):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return
        time.sleep(0.5)
    if fail:
        raise RuntimeError(f"{what} did not answer within {seconds} s")


def children():
    """The children of every process."""
    found = defaultdict(list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything, also parentheses.
            parent = status.read_text(errors="replace").rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        found[int(parent)].append(int(status.parent.name))
    return found


def descendants(pid):
    below, found = children(), [pid]
    for above in found:
        found += below[above]
    return found[1:]


def send(pid, signal_number):
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        pass

#!/usr/bin/env python3
"""Asks the gate about a staged plugin of 6,000 files beside 20 busy processes, 20 times; fails when one reply has no verdict:

    scripts/scale/gate-busy.py BINARY [ROUNDS [BUSY]]
"""
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    rounds, busy = (int(sys.argv[2]) if len(sys.argv) > 2 else 20), (int(sys.argv[3]) if len(sys.argv) > 3 else 20)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        staged, config = root / ".openclaw-install-stage-busy1", root / "config"
        (staged / "lib").mkdir(parents=True)
        config.mkdir()
        (staged / "package.json").write_text('{"name":"@acme/a","version":"1.0.0","openclaw":{"extensions":["./index.js"]}}')
        (staged / "openclaw.plugin.json").write_text('{"id":"a","configSchema":{}}')
        (staged / "index.js").write_text("export default {};\n")
        for n in range(6000):
            place = staged / f"lib/{n % 300}"
            place.mkdir(exist_ok=True)
            (place / f"{n}.js").write_text(f"export const value = {n};\n" * 400)
        request = json.dumps({
            "protocolVersion": 1, "openclawVersion": "2026.9.6", "targetName": "a", "targetType": "plugin",
            "sourcePath": str(staged), "sourcePathKind": "directory",
            "source": {"kind": "local-path", "authority": "user", "mutable": True, "network": False},
            "origin": {"type": "plugin-package"}, "request": {"kind": "plugin-dir", "mode": "install"},
            "plugin": {"contentType": "package", "pluginId": "a"},
        })
        # They end by themselves when this program is killed.
        others = [subprocess.Popen(["timeout", "900", "sh", "-c", "while :; do :; done"]) for _ in range(busy)]
        late, walls = 0, []
        try:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            for _ in range(rounds):
                started = time.monotonic()
                run = subprocess.run([binary, "gate", "--config", config, "--deadline-ms", "9000"], input=request, capture_output=True, text=True, env={})
                walls.append(time.monotonic() - started)
                late += "[timeout]" in run.stdout or "lock" not in json.loads(run.stdout)["reason"]
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        finally:
            for other in others:
                other.terminate()
            for other in others:
                other.wait()
        cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / rounds
        walls.sort()
        print(f"{rounds - late} of {rounds} verdicts beside {busy} busy processes; wall median {walls[len(walls) // 2]:.2f} s, most {walls[-1]:.2f} s; CPU {cpu:.3f} s a call")
        sys.exit(1 if late else 0)


main()

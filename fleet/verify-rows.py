#!/usr/bin/env python3
"""Passes on the rows whose signature holds, for a reader behind it, and names the others.

    openclaw-verify check --format jsonl --host-label gw-1 --sign-ssh KEY >>rows.jsonl       (on the machine)
    fleet/verify-rows.py allowed_signers rows.jsonl >verified.jsonl                          (where the rows arrive)

allowed_signers is that of ssh-keygen, with the `host` of a machine's rows as the principal, so that no machine speaks for another:

    gw-1 namespaces="openclaw-verify-event" ssh-ed25519 AAAA…

A line with a key twice is no row: readers differ in which of the two counts, and so in whose row it is.

A row counts where a signature row follows whose rows it is one of, in the same order and with the same bytes; rows without a host,
rows of another host than the key's, and rows that nothing signs do not. A signature proves no time: old rows are good rows, and `at`
says when they were made. Exit 1 where any row does not count.
"""
import json
import subprocess
import sys
import tempfile

NAMESPACE = "openclaw-verify-event"


def once(pairs):
    """An object of JSON, none of whose keys is there twice. `host` and `HOST` are one key to some readers."""
    if len({key.lower() for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


def holds(signers, rows, row):
    """Why the rows before `row` are not signed by it; none where they are."""
    signature, host = row.get("signature"), row.get("host")
    if not isinstance(signature, dict) or type(signature.get("rows")) is not int or not 0 < signature["rows"] <= len(rows):
        return "it signs rows that are not here"
    signed = rows[-signature["rows"]:]
    if not isinstance(host, str) or host.startswith("-") or any(json.loads(line).get("host") != host for line in signed):
        return "its rows are not those of one host"
    with tempfile.NamedTemporaryFile() as armor:
        armor.write(str(signature.get("armor")).encode())
        armor.flush()
        call = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", host, "-n", NAMESPACE, "-s", armor.name]
        done = subprocess.run(call, input=b"".join(signed), capture_output=True, check=False)
    return None if done.returncode == 0 else f"not by {host}: {done.stderr.decode(errors='replace').strip() or 'the signature does not hold'}"


def main():
    signers, source = sys.argv[1:3]
    rows, wrong = [], 0

    def unsigned(why):
        nonlocal wrong
        wrong += len(rows)
        if rows:
            print(f"{len(rows)} rows up to line {number} do not count: {why}", file=sys.stderr)

    number = 0
    with sys.stdin.buffer if source == "-" else open(source, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line, object_pairs_hook=once)
                event = row["event"] if isinstance(row, dict) else None
                if not isinstance(event, str):
                    raise ValueError
            except (ValueError, KeyError, RecursionError):
                print(f"line {number} is no row", file=sys.stderr)
                wrong += 1
                continue
            if event != "signature":
                rows.append(line)
                continue
            why = holds(signers, rows, row)
            count = row["signature"]["rows"] if why is None else 0
            good, rows = rows[len(rows) - count:], rows[:len(rows) - count]
            unsigned(why or "nothing signs them")
            sys.stdout.buffer.write(b"".join(good))
            rows = []
    unsigned("nothing signs them")
    sys.exit(1 if wrong else 0)


main()

#!/usr/bin/env python3
"""Collects the results of a conformance run, and compares two of them.

    checks.py collect SUITE_FOLDER LOG RESULTS   write RESULTS, print the sum
    checks.py compare BEFORE AFTER               print what was lost, exit 1 if anything was

A run's results are JSON: {"passed": N, "failed": M, "checks": [{"scenario",
"check", "status", "message"}]}. A check that appears several times in one
scenario is numbered.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

# The suite's own count: information, warnings and skipped checks aren't in it.
COUNTED = {"SUCCESS": "passed", "FAILURE": "failed"}


def collect(folder, log, results):
    checks = []
    for file in sorted(Path(folder).glob("*/checks.json")):
        scenario = re.sub(r"^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$", r"\1", file.parent.name)
        seen = Counter()
        for check in json.loads(file.read_text()):
            if check["status"] not in (*COUNTED, "WARNING", "SKIPPED"):
                continue
            name = check["id"]
            seen[name] += 1
            checks.append(
                {
                    "scenario": scenario,
                    "check": name if seen[name] == 1 else f"{name} #{seen[name]}",
                    "status": check["status"],
                    "message": check.get("errorMessage", ""),
                }
            )
    counts = Counter(check["status"] for check in checks)
    passed, failed = counts["SUCCESS"], counts["FAILURE"]
    Path(results).write_text(json.dumps({"passed": passed, "failed": failed, "checks": checks}, indent=1) + "\n")
    for check in checks:
        if check["status"] == "FAILURE":
            print(f"failed: {check['scenario']}: {check['check']}: {check['message']}")
    said = re.search(r"^Total: (\d+) passed, (\d+) failed", Path(log).read_text(), re.MULTILINE)
    if said is None:
        print(f"the suite didn't come to its end; see {log}")
        return 2
    if (passed, failed) != tuple(map(int, said.groups())):
        print(f"the suite counted otherwise: {said.group(0)}")
        return 2
    print(f"passed {passed} failed {failed}")
    return 1 if failed else 0


def compare(before, after):
    def read(path):
        run = json.loads(Path(path).read_text())
        return {(check["scenario"], check["check"]): check for check in run["checks"]}

    before, after = read(before), read(after)
    lost = [
        key
        for key, check in sorted(before.items())
        if check["status"] == "SUCCESS" and after.get(key, {}).get("status") != "SUCCESS"
    ]
    for scenario, check in lost:
        now = after.get((scenario, check), {"status": "absent", "message": ""})
        print(f"lost: {scenario}: {check}: {now['status']} {now['message']}".rstrip())
    gained = sum(
        1
        for key, check in after.items()
        if check["status"] == "SUCCESS" and before.get(key, {}).get("status") != "SUCCESS"
    )
    print(f"lost {len(lost)} gained {gained}")
    return 1 if lost else 0


def main(arguments):
    match arguments:
        case ["collect", folder, log, results]:
            return collect(folder, log, results)
        case ["compare", before, after]:
            return compare(before, after)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the stages of cuda/check left in a folder: a table, gpu_check.json, and cuda/VERIFIED.

VERIFIED is written only where the stages that compare with the CPU have all run on a GPU and passed.
"""
import argparse
import collections
import datetime
import json
import pathlib
import re
import statistics
import subprocess
import sys

TESTS = ("operations", "gradients", "resume", "ranks")
OUTCOMES = {0: "passed", 77: "not possible here", 124: "out of time", 137: "out of time"}
HEADER = """\
# What has run on a GPU: sha256 of the file (16 digits), date, device, file. Written by cuda/check where its
# tests have passed; a file whose hash is another today has changed since.
"""


def counts_of(log):
    """Test cases and failed ones, as Catch2 sums them up."""
    if match := re.search(r"All tests passed \((\d+) assertions? in (\d+) test cases?\)", log):
        return int(match[2]), 0
    if match := re.search(r"test cases:\s*(\d+)\s*\|(.*)", log):
        failed = re.search(r"(\d+) failed", match[2])
        return int(match[1]), int(failed[1]) if failed else 0
    return None


def figures_of(log):
    """Lines `figure NAME VALUE` that tests print."""
    return {name: float(value) for name, value in re.findall(r"^figure (\S+) (\S+)$", log, re.M)}


def read_stage(folder, line):
    name, status, seconds = line.split("\t")
    file = folder / f"{name}.log"
    log = file.read_text(errors="replace") if file.exists() else ""
    stage = {"stage": name, "outcome": OUTCOMES.get(int(status), "failed"), "seconds": int(seconds)}
    counts = counts_of(log)
    if counts:
        stage["tests"], stage["failed_tests"] = counts
    if name in TESTS and stage["outcome"] == "passed" and not (counts and counts[0] > 0):
        stage["outcome"] = "no tests"
    if figures := figures_of(log):
        stage["figures"] = figures
    if stage["outcome"] not in ("passed",):
        stage["end_of_log"] = log[-2000:]
    return stage


def read_lines(path):
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def throughput_rows(folder):
    """Per shape: medians of isoflop's turns, PyTorch's fastest setting, their ratio."""
    ours, torch = collections.defaultdict(list), collections.defaultdict(list)
    for result in read_lines(folder / "throughput.jsonl"):
        ours[result["shape"]].append(result)
    for result in read_lines(folder / "torch.jsonl"):
        torch[result["shape"]].append(result)
    rows = []
    for shape, turns in ours.items():
        rate = statistics.median(turn["tokens_per_second"] for turn in turns)
        row = {"shape": shape, "tokens_per_second": rate, "turns": turns, "torch": torch[shape]}
        for key in ("mfu_exact", "mfu_palm"):
            row[key] = statistics.median(turn[key] for turn in turns)
        row["peak_memory_over_estimate"] = turns[0]["peak_memory_bytes"] / turns[0]["estimated_memory_bytes"]
        if target := turns[0].get("target_tokens_per_second"):
            row["target_tokens_per_second"] = target
        if torch[shape]:
            row["ratio_to_torch"] = rate / max(result["tokens_per_second"] for result in torch[shape])
        rows.append(row)
    return rows


def device_name(rehearsal):
    if rehearsal:
        return "emulated", "none"
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        first = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown", "unknown"
    name, driver = first.rsplit(", ", 1)
    return name, driver


def read_manifest(path):
    lines = path.read_text().splitlines()
    return lines[0].split(" ", 1)[1], [line.split(None, 1) for line in lines[1:]]


def verified_text(sources, device, date):
    lines = [f"{digest[:16]} {date} {device.replace(' ', '_')} {file}" for digest, file in sources]
    return HEADER + "\n".join(lines) + "\n"


def print_table(report):
    print(f"\ncuda/check: {report['device']}, driver {report['driver']}, commit {report['commit']}")
    for stage in report["stages"]:
        tests = f"{stage['tests'] - stage['failed_tests']} of {stage['tests']} tests" if "tests" in stage else ""
        print(f"  {stage['stage']:11} {stage['outcome']:18} {stage['seconds']:4} s  {tests}")
    if report["throughput"]:
        print("  shape          tokens/s     target  of target  MFU exact   PaLM  over PyTorch  memory/estimate")
    for row in report["throughput"]:
        target = row.get("target_tokens_per_second")
        of_target = f"{target:10,.0f} {row['tokens_per_second'] / target:10.2f}" if target else " " * 21
        ratio = f"{row['ratio_to_torch']:13.2f}" if "ratio_to_torch" in row else f"{'-':>13}"
        print(f"  {row['shape']:10} {row['tokens_per_second']:12,.0f} {of_target} {100 * row['mfu_exact']:8.1f} %"
              f" {100 * row['mfu_palm']:4.1f} % {ratio} {row['peak_memory_over_estimate']:16.3f}")
    for pack in report["packs"]:
        equal = "equal" if pack["equal_losses"] else "NOT equal"
        print(f"  {pack['runs']} runs of {pack['shape']} side by side: {pack['gain']:.3f} of one's tokens/s, losses {equal}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--manifest", type=pathlib.Path, required=True)
    parser.add_argument("--verified", type=pathlib.Path, required=True)
    parser.add_argument("--rehearsal", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder
    commit, sources = read_manifest(arguments.manifest)
    device, driver = device_name(arguments.rehearsal)
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    stages = [read_stage(folder, line) for line in (folder / "stages.tsv").read_text().splitlines()]
    report = {
        "schema": "isoflop.gpu_check/1",
        "commit": commit,
        "date": date,
        "device": device,
        "driver": driver,
        "stages": stages,
        "throughput": throughput_rows(folder),
        "packs": read_lines(folder / "packs.jsonl"),
    }
    (folder / "gpu_check.json").write_text(json.dumps(report, indent=2) + "\n")
    print_table(report)
    outcomes = {stage["stage"]: stage["outcome"] for stage in stages}
    if not arguments.rehearsal and all(outcomes.get(name) == "passed" for name in TESTS):
        for path in (arguments.verified, folder / "VERIFIED"):
            path.write_text(verified_text(sources, device, date))
        print(f"  {arguments.verified}: {len(sources)} files")
    unequal = any(not pack["equal_losses"] for pack in report["packs"])
    sound = all(outcome in ("passed", "not possible here") for outcome in outcomes.values()) and not unequal
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()

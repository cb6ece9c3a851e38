#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cuda/report_check.py on what stages could have left: outcomes, exit codes, ratios, cuda/VERIFIED."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

REPORT = pathlib.Path(__file__).resolve().parents[2] / "cuda/report_check.py"
PASSED = "figure worst_nmse 1.5e-13\nAll tests passed (12 assertions in 3 test cases)\n"
FAILED = "test cases:  5 |  4 passed | 1 failed\nassertions: 9 | 8 passed | 1 failed\n"


class ReportCheck(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        self.verified = self.folder / "tree-VERIFIED"
        self.verified.write_text("# Nothing has run on a GPU yet.\n")
        (self.folder / "MANIFEST").write_text("commit abc123\n" + "0123456789abcdef" * 4 + "  cuda/matmul.cc\n")
        self.stages = {name: (0, PASSED) for name in ("operations", "gradients", "resume", "ranks")}
        self.stages["memcheck"] = (77, "compute-sanitizer was not found\n")

    def report(self, *options):
        lines = []
        for name, (status, log) in self.stages.items():
            (self.folder / f"{name}.log").write_text(log)
            lines.append(f"{name}\t{status}\t7\n")
        (self.folder / "stages.tsv").write_text("".join(lines))
        command = [sys.executable, REPORT, self.folder, "--manifest", self.folder / "MANIFEST"]
        run = subprocess.run(
            [*command, "--verified", self.verified, *options], capture_output=True, text=True, check=False
        )
        self.assertIn(run.returncode, (0, 1), run.stderr)
        self.output = run.stdout
        return run.returncode, json.loads((self.folder / "gpu_check.json").read_text())

    def is_verified(self):
        return "0123456789abcdef " in self.verified.read_text()

    def test_passed_tests_are_verified(self):
        status, report = self.report()
        self.assertEqual(status, 0)
        self.assertEqual(report["schema"], "isoflop.gpu_check/1")
        self.assertEqual(report["commit"], "abc123")
        self.assertEqual(report["stages"][0]["tests"], 3)
        self.assertEqual(report["stages"][0]["figures"], {"worst_nmse": 1.5e-13})
        self.assertEqual(report["stages"][4]["outcome"], "not possible here")
        self.assertRegex(self.verified.read_text(), r"(?m)^0123456789abcdef \d{4}-\d\d-\d\d \S+ cuda/matmul.cc$")

    def test_a_rehearsal_verifies_nothing(self):
        self.assertEqual(self.report("--rehearsal")[0], 0)
        self.assertFalse(self.is_verified())

    def test_every_kind_of_failure_counts(self):
        for status, log, outcome in (
            (1, FAILED, "failed"),
            (139, "", "failed"),
            (124, "", "out of time"),
            (0, "No test cases matched\n", "no tests"),
        ):
            self.stages["gradients"] = (status, log)
            code, report = self.report()
            self.assertEqual((code, report["stages"][1]["outcome"]), (1, outcome))
            self.assertFalse(self.is_verified())

    def test_a_stage_that_was_not_run_leaves_files_unverified(self):
        del self.stages["resume"]
        self.assertEqual(self.report()[0], 0)
        self.assertFalse(self.is_verified())

    def test_throughput_is_the_median_of_the_turns_over_the_fastest_pytorch(self):
        turn = {"shape": "10M", "mfu_exact": 0.3, "mfu_palm": 0.31, "peak_memory_bytes": 105}
        turn |= {"estimated_memory_bytes": 100, "target_tokens_per_second": 2.0e6}
        turns = [turn | {"tokens_per_second": rate} for rate in (2.0e6, 3.0e6)]
        torch = [{"shape": "10M", "tokens_per_second": rate} for rate in (1.0e6, 1.25e6)]
        (self.folder / "throughput.jsonl").write_text("".join(json.dumps(t) + "\n" for t in turns))
        (self.folder / "torch.jsonl").write_text("a warning\n" + "".join(json.dumps(t) + "\n" for t in torch))
        row = self.report()[1]["throughput"][0]
        self.assertEqual((row["tokens_per_second"], row["ratio_to_torch"]), (2.5e6, 2.0))
        self.assertEqual(row["peak_memory_over_estimate"], 1.05)
        self.assertIn("1.25", self.output)  # of the target

    def test_packs_with_other_losses_fail(self):
        pack = {"shape": "10M", "runs": 2, "gain": 1.2, "equal_losses": False}
        (self.folder / "packs.jsonl").write_text(json.dumps(pack) + "\n")
        self.assertEqual(self.report()[0], 1)


if __name__ == "__main__":
    unittest.main()

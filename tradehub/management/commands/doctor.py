"""`manage.py doctor`: is all in order with this hub, and if not, what to do.

Exit code 0: all well, 1: warnings, 2: failures.
"""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from tradehub.doctor import Finding, Level, examine_hub, exit_code

MARKS = {Level.OK: "ok  ", Level.WARN: "warn", Level.FAIL: "FAIL"}


class Command(BaseCommand):
    help = "Examine this hub: config, database, Redis, clock, venues, assets, reachability."
    requires_system_checks = []  # they are among what is examined

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine_hub()
        code = exit_code(findings)
        if options["json"]:
            found = {"exit_code": code, "findings": [asdict(each) for each in findings]}
            self.stdout.write(json.dumps(found, indent=1))
        else:
            self.stdout.write("\n".join(_line(each) for each in findings))
        sys.exit(code)


def _line(finding: Finding) -> str:
    line = f"{MARKS[finding.level]}  {finding.name:<12}  {finding.text}"
    fix = f"\n      {'':<12}  -> {finding.what_to_do}" if finding.what_to_do else ""
    return line + fix

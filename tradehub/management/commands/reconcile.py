"""`manage.py reconcile`: compare every account with its venue now, and heal what can be healed.

Exit code 0: everything agrees. 1: an account could not be compared, or a position differs.
"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokers.models import BrokerAccount
from orders.reconciling import reconcile_now
from orders.selectors import ReconciliationView, reconciliation_of
from orders.serializers import ReconciliationSerializer
from tradehub.core.money import plain


class Command(BaseCommand):
    help = "Compare accounts with their venues now, and heal what can be healed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", default="", metavar="ID", help="only this one")
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = BrokerAccount.objects.order_by("pk")
        if options["account"]:
            accounts = accounts.filter(pk=options["account"])
            if not accounts.exists():
                text = f"There is no account with the id {options['account']}."
                raise CommandError(text, returncode=1)
        found = [(account, *_compare(account)) for account in accounts]
        ok = all(_agrees(view) for _, view, _ in found)
        if options["json"]:
            rows = [
                {"account": account.pk, "findings": findings, **ReconciliationSerializer(view).data}
                for account, view, findings in found
            ]
            self.stdout.write(json.dumps({"ok": ok, "accounts": rows}, indent=2, default=str))
        else:
            for account, view, findings in found:
                self.stdout.write(f"{account.label} ({account.pk}): {_said(view, findings)}")
        if not ok:
            raise SystemExit(1)


def _compare(account: BrokerAccount) -> tuple[ReconciliationView, int]:
    findings = len(reconcile_now(account).findings)
    return reconciliation_of(account), findings


def _agrees(view: ReconciliationView) -> bool:
    return view.reconciled and not view.error and not view.drifts


def _said(view: ReconciliationView, findings: int) -> str:
    if view.error:
        return f"could not be compared: {view.error}. The log says more."
    if view.drifts:
        differ = (
            f"{each.symbol} is {plain(each.ours)} here and {plain(each.theirs)} there"
            for each in view.drifts
        )
        return f"differs: {'; '.join(differ)}. A sync with `adopt` takes the venue's over."
    return f"agrees with its venue{f', after {findings} findings' if findings else ''}."

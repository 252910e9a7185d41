"""`manage.py invite`: a link that makes one user, once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from tradehub.lib.clock import utc_now


class Command(BaseCommand):
    help = "Print a one-time link with which a person makes their own user."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--operator", action="store_true", help="may administer this hub")
        parser.add_argument("--email", default="", help="fills in the form; nothing is sent")
        parser.add_argument(
            "--hours", type=int, help="how long the link works (72; for operators 15 minutes)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        hours = options["hours"]
        if hours is not None and not 1 <= hours <= 24 * 30:
            raise CommandError("--hours must be from 1 to 720.")
        usual = (
            services.OPERATOR_LINK_LIFETIME if options["operator"] else services.INVITATION_LIFETIME
        )
        invitation, token = services.create_invitation(
            created_by=None,
            is_operator=options["operator"],
            email=options["email"],
            lifetime=timedelta(hours=hours) if hours else usual,
            now=utc_now(),
        )
        self.stderr.write(
            f"Works once, until {invitation.expires_at:%Y-%m-%d %H:%M} UTC. Whoever opens it "
            f"becomes {'an operator' if invitation.is_operator else 'a user'}:"
        )
        self.stdout.write(services.welcome_link(token))

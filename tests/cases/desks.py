"""`python -m tests.cases.desks URL KEY...`: desks at the scripted venue, in the hub whose settings
are in the environment. Prints JSON: an API key of their owner, and each desk by its key there."""

import json
import sys

import django


def make(url: str, keys: list[str]) -> dict[str, object]:
    from accounts.models import User
    from accounts.services import create_api_key
    from tests.venue.fixtures import make_scripted_account
    from tradehub.lib.clock import utc_now
    from tradehub.lib.db import write_transaction
    from tradehub.testing.builders import make_profile, make_strategy, make_token

    now = utc_now()
    with write_transaction():
        owner = User.objects.create(username=keys[0], email=f"{keys[0]}@example.org")
        profile = make_profile(owner, now)
        _, api_key = create_api_key(owner=owner, name="cases", scopes=["read"], now=now)
        tokens = {}
        for key in keys:
            account = make_scripted_account(
                owner, url, key=key, label=key, crash_points=True, read_seconds=8
            )
            strategy = make_strategy(owner, account, profile, name=key, max_adds=1_000_000)
            tokens[key] = make_token(strategy).secret
    return {"api_key": api_key, "tokens": tokens}


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(make(sys.argv[1], sys.argv[2:])))

#!/usr/bin/env python
"""Django's command line; `up` starts without Django, since its process stays and is counted."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")
    if sys.argv[1:2] == ["up"]:
        from tradehub.supervisor.command import main as up

        sys.exit(up(sys.argv[2:]))

    from django.core.management import execute_from_command_line

    from tradehub.env import BadSetting

    try:
        execute_from_command_line(sys.argv)
    except BadSetting as error:
        sys.stderr.write(f"TradeHub can't start: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()

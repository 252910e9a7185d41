"""The chaos run: a whole hub under kill -9, SIGSTOP and a venue that lies, then its books compared.

`python -m tests.chaos --venue V --faults N --seed S --engine sqlite|postgresql` (`make chaos`). One
JSON line on stdout; exit code 1 when anything was lost, doubled, can't be explained or is left
unprotected.
"""

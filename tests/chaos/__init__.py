"""The chaos run: a whole hub under kill -9, SIGSTOP and a venue that lies, then its books compared.

`python -m tests.chaos --faults N --seed S --engine sqlite|postgresql` (`make chaos`). One JSON line
on stdout; exit code 1 when anything was lost, doubled or can't be explained.
"""

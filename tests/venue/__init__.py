"""The scripted venue: an exchange over real HTTP that misbehaves as it is told, for tests only.

`python -m tests.venue --port N --state DIR` runs it; `fixtures.scripted_venue` gives one to a test.
`control.Control` tells it what to do, `adapter.ScriptedBroker` trades there.
"""

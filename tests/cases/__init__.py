"""The cases 1 to 25 and 30 of the reliability catalogue: what may not happen, one file a group.

A test that proves a case carries its number in its name, wherever it lies; `test_list` holds the
list, so that no case vanishes.
"""

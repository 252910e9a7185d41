"""`make bench`: what TradeHub's promises cost, on real processes, each against its floor.

Figures are ratios of what was measured in turn in one run: absolutes belong to the machine. Every
process is started here, bounded in time, and ended by its own id, also when a figure fails.
"""

"""A local Binance USD-M futures: the project's own, for tests."""

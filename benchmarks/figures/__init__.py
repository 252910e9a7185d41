"""One module a figure: `measure(bench)` yields results, each one JSON line."""

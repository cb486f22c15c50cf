"""Speed, freshness and quality in figures: `python -m benchmarks --help`. Each module with a `run` is a benchmark."""

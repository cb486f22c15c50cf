"""Answers that are kept, and proven from the change feed before they are given again."""

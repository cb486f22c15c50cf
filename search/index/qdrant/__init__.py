"""The index in Qdrant: one collection per index version, behind an alias."""

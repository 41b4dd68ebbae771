"""The verbs: one file each, no policy logic."""

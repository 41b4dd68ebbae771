"""Names resolved, grants turned into regions, rules checked: tree to checked policy."""

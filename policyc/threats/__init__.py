"""Threats over envelopes: which apply, which are open on a day, what shows and re-opens them."""

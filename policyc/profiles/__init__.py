"""Recordings of many tools, in; one kind of observation, out."""

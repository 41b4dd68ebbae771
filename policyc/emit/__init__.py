"""Envelope to artifacts and back: every emitter ships its inverse."""

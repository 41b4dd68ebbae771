"""Ed25519 keys and signed notes (c2sp.org/signed-note); the only door to ``cryptography``."""

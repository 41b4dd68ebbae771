"""Text to tree and back: the .agentpol language, edition 2026."""

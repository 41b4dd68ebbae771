"""The grammar of .agentpol files, as package data."""

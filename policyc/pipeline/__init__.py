"""The driver: the stages in order, from a policy root to a folder of artifacts."""

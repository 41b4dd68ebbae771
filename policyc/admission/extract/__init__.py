"""What objects ask for: one module for each family of sources."""

"""Facts about the world as data, each with its source and date."""

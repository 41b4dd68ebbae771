"""The rules of the language, one file for each thing that they judge."""

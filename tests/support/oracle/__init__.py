"""Independent judges: written from the specifications, not from the compiler."""

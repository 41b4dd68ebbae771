"""The waist: what one container of one agent may do, as exactly decidable sets."""

"""What a change of the policies means: envelopes compared, and why something is not granted."""

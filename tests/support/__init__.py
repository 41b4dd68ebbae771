"""What several test rooms share: strategies, oracles and the samples folder."""

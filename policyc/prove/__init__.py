"""Judgement of claims: assertions and tests against envelopes, filters against envelopes."""

"""policyc: what an agent was seen to do, compiled into what it is allowed to do."""

__version__ = "0.1.0"

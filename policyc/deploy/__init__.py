"""The webhook in a cluster: what must be intercepted, the objects that do it, and their faults.

One table says which requests must reach the webhook and what happens to them while no
webhook answers; the configurations, the guard that restores them and the linter of
``policyc verify-webhook`` all read it.  Nothing in this room reads a file or a socket.
"""

"""Admission: is what this object asks for within the agent's envelope now?

One evaluator answers for the webhook, for ``policyc admit`` and for ``policyc scan``.  It
is a pure function of a request, a bundle of envelopes, a view of the cluster, settings
and the time; nothing in this room reads a file or a socket.
"""

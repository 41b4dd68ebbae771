"""For those who have policies: strategies, laws and stateful tests drawn from a policy root.

Needs the extra ``policyc[testing]``; nothing else of policyc imports this room.
"""

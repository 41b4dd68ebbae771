"""What Kubernetes objects permit, as regions of the envelope's domains.

Emitters prove their own output with it, and admission judges the cluster's objects by
it: one reading of the API's semantics for both.  What a region cannot say exactly is
read as more than it is, never as less.
"""

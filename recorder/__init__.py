"""Records what containers do, in the kernel, and writes it as AgentProfiles.

Stands alone: it imports nothing of the compiler and nothing but the standard library, and
calls libbpf.so.1.  What it writes is described in docs/reference/profile.md.
"""

VERSION = "1"

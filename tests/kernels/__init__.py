"""The recorder on kernels that this machine does not run: Debian's, for both architectures, each in a machine of its own.

QEMU translates every instruction, so no virtualisation is needed and a machine takes some minutes.  `make kernels`.
"""

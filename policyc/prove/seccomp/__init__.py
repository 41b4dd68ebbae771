"""Compiled seccomp filters, proved as the programs that the kernel runs."""

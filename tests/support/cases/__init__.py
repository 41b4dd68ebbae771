"""The catalogue's cases as data: what is asked for, and the reasons of its refusal.

Each case is judged by the evaluator (tests/admission/bypasses) and by a real API server that
asks the webhook (tests/e2e/bypasses).
"""

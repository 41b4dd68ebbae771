"""Frameworks that agents are written with, by the names of their distributions.

Source: the projects' own packages on PyPI and npm, and the images of kagent (2026-06).
"""

from __future__ import annotations

import re

FRAMEWORKS = tuple(
    """agno autogen autogen-agentchat claude-agent-sdk crewai dspy google-adk haystack-ai kagent
    langchain langgraph letta llama-index mastra openai-agents pydantic-ai semantic-kernel
    smolagents strands-agents vercel-ai""".split()
)

FRAMEWORK_ANNOTATION = "policyc.dev/framework"
"""On a pod template: ``name@version``, several with commas."""

VERSION = re.compile(r"v?\d[0-9A-Za-z]*(?:[.+-][0-9A-Za-z]+)*", re.ASCII)
"""A released version; ``latest`` and ranges are none."""

"""What agents are made of: names of environment variables, hosts, images, files and labels.

Admission reads what a workload asks for by these names, and knows by them what looks like
an agent.  A name that only agents use is strong; what other software uses too is weak.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MODEL_KEYS: Mapping[str, str] = MappingProxyType(
    {
        # The variable that each vendor's own client library reads (their documentation, 2026-06).
        "OPENAI_API_KEY": "openai",
        "AZURE_OPENAI_API_KEY": "azure",
        "ANTHROPIC_API_KEY": "anthropic",
        "ANTHROPIC_AUTH_TOKEN": "anthropic",
        "CLAUDE_CODE_OAUTH_TOKEN": "anthropic",
        "GEMINI_API_KEY": "google",
        "GOOGLE_GENERATIVE_AI_API_KEY": "google",
        "MISTRAL_API_KEY": "mistral",
        "COHERE_API_KEY": "cohere",
        "CO_API_KEY": "cohere",
        "GROQ_API_KEY": "groq",
        "DEEPSEEK_API_KEY": "deepseek",
        "XAI_API_KEY": "xai",
        "TOGETHER_API_KEY": "together",
        "FIREWORKS_API_KEY": "fireworks",
        "OPENROUTER_API_KEY": "openrouter",
        "PERPLEXITY_API_KEY": "perplexity",
        "AWS_BEARER_TOKEN_BEDROCK": "bedrock",
        "LITELLM_MASTER_KEY": "litellm",
        "LITELLM_API_KEY": "litellm",
    }
)
"""Variable that holds a model vendor's key -> the vendor's word in model names."""

MODEL_HOSTS: frozenset[str] = frozenset(
    # API reference of each vendor, base URL (2026-06).
    """api.openai.com api.anthropic.com generativelanguage.googleapis.com api.mistral.ai
    api.cohere.com api.cohere.ai api.groq.com api.deepseek.com api.x.ai api.together.xyz
    api.fireworks.ai openrouter.ai api.perplexity.ai router.huggingface.co
    models.github.ai""".split()
)

MODEL_HOST_SUFFIXES: tuple[str, ...] = (
    ".openai.azure.com",
    ".services.ai.azure.com",
    "-aiplatform.googleapis.com",
)
"""Ends of hosts that differ by customer or region."""

BEDROCK_PREFIXES = ("bedrock-runtime.", "bedrock-agent-runtime.", "bedrock-agentcore.")
"""Beginnings of hosts below ``.amazonaws.com`` (AWS General Reference, Bedrock endpoints)."""

RUNTIME_OVERRIDES: frozenset[str] = frozenset(
    # ld.so(8); python(1) "Environment variables"; node(1); java launcher and JVM tool
    # interface guides; perlrun(1); ruby(1); bash(1) BASH_ENV and ENV; dotnet "startup hooks";
    # git(1); OpenSSL, requests and Node.js documentation for what decides whom to trust.
    """LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT PATH
    PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONINSPECT PYTHONBREAKPOINT
    NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED
    JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH
    PERL5LIB PERL5OPT PERLLIB RUBYLIB RUBYOPT BASH_ENV ENV
    DOTNET_STARTUP_HOOKS DOTNET_ADDITIONAL_DEPS CORECLR_PROFILER CORECLR_PROFILER_PATH
    GCONV_PATH LUA_INIT LUA_PATH PHPRC PHP_INI_SCAN_DIR
    GIT_SSH_COMMAND GIT_EXEC_PATH GIT_CONFIG_GLOBAL GIT_PROXY_COMMAND
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    RESOLV_HOST_CONF LOCALDOMAIN RES_OPTIONS HOSTALIASES""".split()
)
"""Variables that make a program run, find or trust something else than its image says."""

UNGUARDED_FLAGS: frozenset[str] = frozenset(
    # Claude Code CLI reference; Codex CLI `--help`; Gemini CLI configuration guide (2026-06).
    """--dangerously-skip-permissions --allow-dangerously-skip-permissions
    --dangerously-bypass-approvals-and-sandbox --yolo --full-auto
    --all-tools --enable-all-tools --allow-all-tools""".split()
)
"""Flags that let a coding agent use every tool that it has, unasked."""

FRAMEWORK_IMAGES: frozenset[str] = frozenset(
    # Repositories of images that hold an agent or an agent platform's agent runtime.
    """kagent-dev/kagent/app kagent-dev/kagent/adk langchain/langgraph-api
    openhands/openhands all-hands-ai/openhands all-hands-ai/runtime anthropics/claude-code
    openclaw/openclaw microsoft/autogen crewai/crewai block/goose letta/letta
    agent-sandbox/python-runtime-sandbox""".split()
)
"""Last segments of an image's repository (without registry, tag and digest)."""

FRAMEWORK_WORDS: frozenset[str] = frozenset(
    # Names of agent frameworks and agents that nothing else is called by.
    """langgraph langchain crewai autogen openhands openclaw kagent llamaindex
    smolagents pydanticai mastra letta superagi autogpt metagpt""".split()
)
"""Words between separators of an image's repository."""

TRACING_NAMES: frozenset[str] = frozenset(
    # LangSmith and Langfuse documentation: what traces chains and agents.
    "LANGSMITH_API_KEY LANGCHAIN_API_KEY LANGCHAIN_TRACING_V2 LANGSMITH_TRACING LANGFUSE_SECRET_KEY LANGFUSE_PUBLIC_KEY".split()
)

MODEL_NAMES: tuple[str, ...] = (
    "gpt-", "claude-", "gemini-", "anthropic/", "openai/", "mistral-large", "command-r", "o3-", "o4-",
    "us.anthropic.", "eu.anthropic.", "anthropic.claude", "deepseek-",
)  # fmt: skip
"""How names of vendors' chat models begin."""

PLATFORM_LABELS: Mapping[str, str] = MappingProxyType(
    {
        # kagent-dev/kagent translator/agent/manifest_builder.go: the Agent's name.
        "kagent": "",
        # kagenti operator: workloads with `agent`; `tool` is an MCP server.
        "kagenti.io/type": "agent",
        # kubernetes-sigs/agent-sandbox controllers: the hash of the Sandbox's name.
        "agents.x-k8s.io/sandbox-name-hash": "",
    }
)
"""Label that a platform puts on the pods of agents that it runs -> its value (empty: any).

``dapr.io/app-id`` is none of them: any service with a Dapr sidecar has it.  Nor is ToolHive's
``toolhive-name``: it is on MCP servers.
"""

MCP_FILES: frozenset[str] = frozenset(
    # Names that MCP clients look for: Claude Desktop and Code, Cursor, VS Code, Gemini CLI,
    # Cline, Codex, LibreChat, mcp-agent, Amazon Q (each one's configuration page, 2026-06).
    """mcp.json .mcp.json mcp.yaml mcp.yml mcp_config.json mcp-config.json mcp_servers.json
    mcp-servers.json mcpservers.json claude_desktop_config.json cline_mcp_settings.json
    mcp_agent.config.yaml tools.yaml tools.yml tools.json toolsets.yaml
    agent.yaml agent.yml agents.yaml agent.json agent-card.json librechat.yaml""".split()
)
"""Files that say which tools and servers an agent has."""

MODEL_PROVIDERS: tuple[str, ...] = tuple(sorted({*MODEL_KEYS.values(), "vertex", "ollama"}))
"""Words before the slash of a model's name."""

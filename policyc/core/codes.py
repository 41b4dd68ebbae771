"""Every diagnostic code, once.  Each has a page docs/reference/diagnostics/CODE.md.

1xxx syntax, 2xxx names and imports, 3xxx rules of the language, 4xxx lowering,
5xxx profiles, 6xxx artifacts, 7xxx files and environment.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    # 1xxx syntax
    "PC1001": "an unknown statement",
    "PC1002": "something else was expected",
    "PC1003": "a statement that ends too early",
    "PC1004": "something after the end of a statement",
    "PC1005": "a text that is not closed",
    "PC1006": "a stray character",
    "PC1007": "a block that is not closed",
    "PC1008": "a brace that closes nothing",
    "PC1009": "an invisible or control character",
    "PC1010": "a character outside of ASCII",
    "PC1011": "no edition",
    "PC1012": "an unknown edition",
    "PC1013": "the edition is not first",
    "PC1801": "the formatter refuses a file",
    # 2xxx names and imports
    "PC2001": "an unknown name",
    "PC2002": "a name declared twice",
    "PC2003": "an import that leads nowhere",
    "PC2004": "imports in a circle",
    "PC2005": "an alias given twice",
    "PC2006": "an unknown Service or port",
    "PC2007": "an unknown tool or model",
    "PC2008": "an unknown syscall, architecture or profile",
    "PC2009": "an unknown capability",
    "PC2010": "an unknown workload kind",
    "PC2011": "an unknown word",
    "PC2012": "a manifest that cannot be read",
    "PC2013": "an unknown container",
    # 3xxx rules of the language
    "PC3001": "a class that widens",
    "PC3002": "an allowance outside the cap",
    "PC3003": "an allowance that is taken away again",
    "PC3004": "caps with nothing in common",
    "PC3005": "two agents on one container",
    "PC3006": "two agents on one ServiceAccount",
    "PC3007": "the default ServiceAccount",
    "PC3008": "a name that Kubernetes refuses",
    "PC3009": "a missing line",
    "PC3010": "a line that stands twice",
    "PC3011": "something that was not reviewed",
    "PC3012": "a value that is none",
    "PC3013": "a managed agent with a container's rights",
    "PC3014": "classes in a circle",
    "PC3015": "a taxonomy reference that is not clear",
    "PC3016": "coercion closed by syscalls alone",
    "PC3017": "a host name for an incoming connection",
    "PC3018": "a name for a request that has none",
    "PC3020": "an agent that delegates to itself",
    "PC3021": "a pattern that leaves the policy root",
    "PC3022": "a block that says nothing",
    # 4xxx lowering
    # 5xxx profiles
    "PC5001": "a recording that cannot be read",
    "PC5002": "an unknown schema version",
    "PC5003": "a profile that does not fit its schema",
    "PC5004": "a profile without a spec",
    "PC5005": "an unknown syscall in a recording",
    "PC5006": "requests that grant nothing",
    "PC5007": "a profile of another agent",
    # 6xxx artifacts
    # 7xxx files and environment
    "PC7001": "a policy file that cannot be read",
    "PC7002": "no manifest matches",
    "PC7050": "a file cannot be read",
    "PC7051": "a profile lies outside the policy root",
    "PC7052": "the output folder is not ours",
    "PC7053": "the output folder cannot be written",
    "PC7054": "no profile matches",
    "PC7055": "the policy root does not exist",
    "PC7056": "no agent is declared",
    "PC7057": "an unknown code, schema or pointer",
}
"""Code -> title: a short noun phrase, the same as the heading of its page."""

"""The tree of an ``.agentpol`` file.

Every node carries its ``span``, which takes no part in equality: two trees are
equal when they say the same.  Nodes hold what was written, in the order it was
written; nothing is resolved here.  docs/reference/language.md shows the form of
each construct.  There is a module for each family of nodes; all are named from here.
"""

from policyc.syntax.nodes.agents import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.assertions import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.cluster import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.declared import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.files import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.grants import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.leaves import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.threats import *  # noqa: F403  # every node of the family
from policyc.syntax.nodes.windows import *  # noqa: F403  # every node of the family

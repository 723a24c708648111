"""docs/problems.md, from the worker's table of problems."""

from tools.docs.tables import table
from worker.issues import ISSUES

HEAD = """# What can be wrong with a worker

Made by `scripts/docs` from the worker's own table: do not edit it here. A problem has the same code in the
log, in `supernet-worker --check` and `--status`, and in the `issue` frame that the coordinator gets. An
`error` waits for somebody to act. A worker whose model cannot be got ready stays connected to say why, and
tries again.
"""


def page() -> str:
    """The whole of docs/problems.md."""
    rows = [(f"`{code}`", row.severity, row.remedy) for code, row in ISSUES.items()]
    return "\n".join([HEAD, table(("code", "severity", "what to do"), rows), ""])

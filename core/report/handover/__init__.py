"""Files to deploy the recommended configuration with: a command, a container, a service, a task.

Each is text that can be used as it stands. Secrets are nowhere in them: a command refers to the
shell's own variables, a container is passed them by name, a service reads them from a file.
"""

from core.report.handover.documents import Document, documents

__all__ = ["Document", "documents"]

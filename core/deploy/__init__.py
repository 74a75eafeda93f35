"""Where a server runs, and when it is ready.

`core.deploy.docker` is imported by those who need it: the Docker SDK takes its time to load.
"""

from core.deploy.first_token import NotReadyError
from core.deploy.local import LocalServer
from core.deploy.post_mortem import why_ended
from core.deploy.readiness import Patience, until_ready
from core.deploy.server import Remains, Server, StopReport, VitalSigns

__all__ = [
    "LocalServer",
    "NotReadyError",
    "Patience",
    "Remains",
    "Server",
    "StopReport",
    "VitalSigns",
    "until_ready",
    "why_ended",
]

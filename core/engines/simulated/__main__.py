"""`python -m core.engines.simulated --model llama-3.1-8b --gpu H100-80GB --port 30000`."""

import sys

from core.engines.simulated.arguments import ArgumentError, parse_arguments, parser, settle
from core.engines.simulated.startup import BAD_ARGUMENTS, launch


def main() -> int:
    """Run the server; return its exit status."""
    try:
        arguments = parse_arguments(sys.argv[1:])
    except ArgumentError as error:
        sys.stderr.write(f"{parser().format_usage()}{parser().prog}: error: {error}\n")
        return BAD_ARGUMENTS
    # Imported late, because a wrong command line needs no event loop to be told.
    from core.engines.simulated.server import serve

    return serve(launch(settle(arguments)))


if __name__ == "__main__":
    sys.exit(main())

"""The report's blocks as lines of the app."""

from core.report.blocks import Code
from core.report.launch import launch_command_folded
from tui.screens.report import block_lines
from tui.spans import plain

ARGV = (
    "/opt/llama.cpp/build/bin/llama-server",
    *("--model", "/models/small.gguf"),
    *("--host", "127.0.0.1"),
    *("--port", "8000"),
    "--metrics",
)


def test_a_launch_command_on_a_narrow_screen_keeps_a_flag_with_its_value() -> None:
    block = Code(launch_command_folded(ARGV, {}, 88))
    rows = [plain(row).strip() for row in block_lines(block, 80)]
    assert rows == [
        "/opt/llama.cpp/build/bin/llama-server --model /models/small.gguf \\",
        "--host 127.0.0.1 \\",
        "--port 8000 --metrics",
    ]

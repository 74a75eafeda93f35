"""The client's floor, found on this very machine."""

from core.load.calibration import find_floor


async def test_the_floor_is_found_and_is_small() -> None:
    floor = await find_floor()
    assert floor is not None
    assert 0 < floor.ttft < 0.01
    assert 0 <= floor.itl < 0.05
    assert floor.tokens_per_second > 1000

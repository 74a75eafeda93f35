import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.catalogue import Catalogue
from core.engines.flag import Flag
from core.engines.registry import ENGINES

CATALOGUE = Catalogue(
    engine="toy",
    version="1",
    flags=(
        Flag(spellings=("--tensor-parallel-size", "--tp-size", "--tp"), takes="value", type="int"),
        Flag(spellings=("--kv-cache-dtype",), takes="value", choices=("auto", "fp8_e5m2")),
        Flag(spellings=("--disable-radix-cache",), takes="nothing"),
        Flag(spellings=("--chunked-prefill",), takes="nothing", negation="--no-chunked-prefill"),
        Flag(spellings=("--mem-fraction-static",), takes="value", type="float"),
        Flag(spellings=("--attention-backend",), takes="value"),
    ),
)


@pytest.mark.parametrize("name", ["tp", "tp-size", "tp_size", "--tp-size", "tensor_parallel_size"])
def test_every_alias_is_one_flag(name: str) -> None:
    flag = CATALOGUE.find(name)
    assert flag is not None
    assert flag.name == "tensor-parallel-size"


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ({"tp": 2}, ["--tensor-parallel-size", "2"]),
        ({"disable-radix-cache": True}, ["--disable-radix-cache"]),
        ({"disable-radix-cache": False}, []),
        ({"disable-radix-cache": None}, []),
        ({"chunked-prefill": True}, ["--chunked-prefill"]),
        ({"chunked-prefill": False}, ["--no-chunked-prefill"]),
        ({"no-chunked-prefill": True}, ["--no-chunked-prefill"]),
        ({"chunked-prefill": None}, []),
        ({"mem-fraction-static": 0.85}, ["--mem-fraction-static", "0.85"]),
        ({"tp": None}, []),
        ({"x_y": "a b"}, ["--x-y", "a b"]),
        ({"x": True, "y": False}, ["--x"]),
    ],
)
def test_how_values_are_written(values: dict, written: list[str]) -> None:
    assert CATALOGUE.write(values) == written


@given(st.permutations(["tp", "kv-cache-dtype", "disable-radix-cache", "zz"]))
def test_the_order_of_flags_does_not_change_the_command(names: list[str]) -> None:
    values = {"tp": 2, "kv-cache-dtype": "auto", "disable-radix-cache": True, "zz": 1}
    assert CATALOGUE.write({n: values[n] for n in names}) == CATALOGUE.write(values)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("kv-cache-dtype", "fp16", "'fp16' is not one of auto, fp8_e5m2"),
        ("kv-cache-dtype", True, "is not one of"),
        ("tp", "two", "needs a whole number"),
        ("tp", 1.5, "needs a whole number"),
        ("tp", True, "needs a value"),
        ("tp", False, "needs a whole number"),
        ("mem-fraction-static", "high", "needs a number"),
        ("disable-radix-cache", 5, "is a switch"),
        ("disable-radix-cash", True, "did you mean disable-radix-cache?"),
        ("bogus", 1, "toy 1 has no such flag"),
    ],
)
def test_what_the_engine_would_refuse(name: str, value: object, complaint: str) -> None:
    refusal = CATALOGUE.refuse(name, value)  # type: ignore[arg-type]
    assert refusal is not None
    assert complaint in refusal


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tp", 2),
        ("tp", None),
        ("tp", "4"),
        ("kv_cache_dtype", "auto"),
        ("disable-radix-cache", False),
        ("chunked-prefill", False),
        ("attention-backend", "flashinfer"),
        ("mem-fraction-static", 1),
    ],
)
def test_what_the_engine_takes(name: str, value: object) -> None:
    assert CATALOGUE.refuse(name, value) is None  # type: ignore[arg-type]


def test_shipped_catalogues_are_whole() -> None:
    for engine in ENGINES.values():
        catalogue = engine.catalogue
        if catalogue is None:
            continue
        assert catalogue.engine == engine.name
        for flag in catalogue.flags:
            assert catalogue.find(flag.name) == flag
            assert flag.refuse(flag.default) is None, flag
            assert all(spelling.startswith("-") for spelling in flag.spellings)

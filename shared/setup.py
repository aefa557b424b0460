"""What is compiled of the distribution; everything else about it is in pyproject.toml."""

from setuptools import Extension, setup

CODEC = Extension(
    "pianola.codec._native",
    [f"native/codec/{name}.c" for name in ("module", "read", "draw", "cut")],
    depends=["native/codec/native.h"],
    extra_compile_args=["-O2", "-std=c11"],
    py_limited_api=True,
    # Without a compiler the installation goes on without it, and the codec does the same work in Python.
    optional=True,
)
WRITER = Extension(
    "pianola.models.notes._writer",
    [f"native/writer/{name}.c" for name in ("module", "write")],
    depends=["native/writer/writer.h", "native/writer/arithmetic.h"],
    # The last two let loops be done several numbers at a time; no result depends on them. Products that are fused into
    # sums would: one machine would write other windows than another.
    extra_compile_args=["-O3", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"],
    py_limited_api=True,
    # Without it windows are written by torch.
    optional=True,
)

setup(ext_modules=[CODEC, WRITER], options={"bdist_wheel": {"py_limited_api": "cp311"}})

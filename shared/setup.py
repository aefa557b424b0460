"""The codec's compiled half; everything else about the distribution is in pyproject.toml."""

from setuptools import Extension, setup

NATIVE = Extension(
    "pianola.codec._native",
    [f"native/{name}.c" for name in ("module", "read", "draw", "cut")],
    depends=["native/native.h"],
    extra_compile_args=["-O2", "-std=c11"],
    py_limited_api=True,
    # Without a compiler the installation goes on without it, and the codec does the same work in Python.
    optional=True,
)

setup(ext_modules=[NATIVE], options={"bdist_wheel": {"py_limited_api": "cp311"}})

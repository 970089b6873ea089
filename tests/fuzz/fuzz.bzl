"""Fuzz targets, each with a test that goes over its seeds without a fuzzer."""

# Bazel links with clang, not clang++, which leaves out the C++ half of the sanitizer's runtime.
_FUZZER_LINKOPTS = [
    "-fsanitize=fuzzer",
    "-fsanitize-link-c++-runtime",
]

def fuzz_target(name, deps):
    """Declares the fuzz target `name` of `name`.cc and `name`_seeds_test.

    The target needs clang and --config=asan; the test holds in every build mode, so a seed that no longer
    passes is noticed by tests/run.

    Args:
      name: the target's name; its seeds lie in seeds/`name`.
      deps: what its source includes.
    """
    native.cc_binary(
        name = name,
        srcs = [name + ".cc"],
        copts = ["-fsanitize=fuzzer"],
        linkopts = _FUZZER_LINKOPTS,
        tags = ["manual"],
        deps = deps,
    )
    seeds = native.glob(["seeds/" + name + "/**"])
    native.cc_test(
        name = name + "_seeds_test",
        size = "small",
        srcs = [
            name + ".cc",
            "seeds_main.cc",
        ],
        args = ["$(location %s)" % seed for seed in seeds],
        data = seeds,
        deps = deps,
    )

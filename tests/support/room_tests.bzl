"""The tests of a room: a target for each file, compiled a few files at a time.

Two thirds of a build are tests, and most of what compiling one takes is what every other takes too: GoogleTest, JSON,
the room's headers. So the files of a room are compiled several as one. Each still is a target and a process of its
own, run as before: `bazel test //policy:loader_test`.
"""

# More at once save little, and keep the last of the build waiting for one core.
_FILES_AT_ONCE = 8

def _joined_source_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".cc")
    ctx.actions.write(out, "".join(['#include "%s"\n' % file.path for file in ctx.files.srcs]))
    return [DefaultInfo(files = depset([out]))]

_joined_source = rule(
    implementation = _joined_source_impl,
    attrs = {"srcs": attr.label_list(allow_files = [".cc"])},
)

def room_tests(deps, size = "small", tags = [], data = [], tests = {}, exclude = []):
    """Declares a test for each *_test.cc of this package, named after its file.

    What a file declares is in a namespace named after it (meshwarden::loader_test): there its names are its own.

    Args:
      deps: what the files include, all together; GoogleTest and its main come by themselves.
      size: of every file that `tests` says nothing else of; so are tags.
      tags: "integration" if it starts a broker, "threads" if the thread sanitizer could find something.
      data: what the tests find at run time.
      tests: for some files, by the name of the test, what is different: size, tags, what data there is beside, and
        shard_count if its cases wait long, one after the other: in so many processes side by side.
      exclude: files that are not for this.
    """
    files = native.glob(["*_test.cc"], exclude = exclude)
    for name in tests:
        if name + ".cc" not in files:
            fail("%s: there is no %s.cc" % (native.package_name(), name))
    count = (len(files) + _FILES_AT_ONCE - 1) // _FILES_AT_ONCE
    for part in range(count):
        some = files[part * len(files) // count:(part + 1) * len(files) // count]
        joined = "joined_%d_test" % (part + 1)
        _joined_source(
            name = joined,
            testonly = True,
            srcs = some,
            tags = ["manual"],
            visibility = ["//visibility:private"],
        )
        native.cc_library(
            name = joined + "s",
            testonly = True,
            srcs = [joined],
            tags = ["manual"],
            textual_hdrs = some,
            visibility = ["//visibility:private"],
            deps = deps + ["@system//:gtest"],
            alwayslink = True,
        )
        for file in some:
            name = file[:-len(".cc")]
            own = tests.get(name, {})
            native.cc_test(
                name = name,
                size = own.get("size", size),
                args = ["--file=" + file],
                data = data + own.get("data", []),
                shard_count = own.get("shard_count", 1),
                tags = own.get("tags", tags),
                deps = [
                    ":" + joined + "s",
                    "//tests/support:file_main",
                ],
            )

"""What Debian's Bazel 4 lacks.

Debian 12 builds Bazel without the repositories that every Bazel fetches on its first run (the C++ and Java
rules and the coverage tool), and this project must build without the network. So bazel4/ holds the few lines
of them that a C++ build touches. A newer Bazel brings its own and gets none of this.
"""

def _is_old(version):
    major = version.split(".")[0]
    return not major.isdigit() or int(major) < 5

def shims_for_old_bazel():
    """Declares the stand-in repositories where Bazel is too old to have its own."""
    if not _is_old(native.bazel_version):
        return
    for name in ["rules_cc", "rules_java", "remote_coverage_tools"]:
        native.local_repository(
            name = name,
            path = "deploy/deps/bazel4/" + name,
        )

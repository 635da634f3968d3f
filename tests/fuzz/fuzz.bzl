# SPDX-License-Identifier: GPL-2.0-only
"""A fuzz target: a fuzzer under --config=fuzz, elsewhere an ordinary test."""

def fuzz_target(name, srcs, deps, data = [], size = "medium"):
    """Declares NAME_fuzzer and NAME_replay_test.

    Args:
      name: without "_fuzzer".
      srcs: define LLVMFuzzerTestOneInput.
      deps: of srcs.
      data: what the target reads at run time.
      size: of the test.
    """
    native.cc_library(
        name = name + "_target",
        testonly = True,
        srcs = srcs,
        linkstatic = True,
        alwayslink = True,
        deps = deps + [
            ":fuzz_check",
            ":image_mutator",
        ],
    )

    # Kernel builds are loaded at run time and find the fuzzer's coverage
    # functions in the program.
    native.cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        data = data,
        linkopts = [
            "-fsanitize=fuzzer",
            "-Wl,--export-dynamic",
        ],
        target_compatible_with = select({
            "//:fuzz": [],
            "//conditions:default": ["@platforms//:incompatible"],
        }),
        deps = [":" + name + "_target"],
    )
    native.cc_test(
        name = name + "_replay_test",
        size = size,
        srcs = ["replay_main.cc"],
        args = ["tests/fuzz/corpus"],
        data = data + [":corpus"],
        target_compatible_with = select({
            "//:fuzz": ["@platforms//:incompatible"],
            "//conditions:default": [],
        }),
        deps = [
            ":" + name + "_target",
            "//cramfs/testing:bad_images",
        ],
    )

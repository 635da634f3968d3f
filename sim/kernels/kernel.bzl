# SPDX-License-Identifier: GPL-2.0-only
"""A kernel build: mm/ and cramfs/ compiled for one configuration.

kernel() makes one shared object.  Sources are passed to the macro as labels
and never as deps, because copts do not propagate to deps: what must be
instrumented is compiled by the very rule that carries the flags.  What must
not be (locks, allocators, the wrapper around zlib) comes from a cc_library of
its own, without them.
"""

_COMMON = [
    "-O2",
    "-g",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-strict-aliasing",
    "-fno-threadsafe-statics",
    "-fvisibility=hidden",
    "-fPIC",
    "-U_FORTIFY_SOURCE",
    "-fno-stack-protector",
    # A method that an operations table does not name is NULL, as in C.
    "-Wno-missing-field-initializers",
    "-Werror",
    # A method that a table of operations does not name is NULL.
    "-Wno-missing-field-initializers",
]

# libdw looks code addresses up in .debug_aranges, which clang leaves out.
_DEBUG = select({
    "//:clang": ["-gdwarf-aranges"],
    "//conditions:default": [],
})

_INSTRUMENT_GCC = [
    "-fsanitize=thread",
    "--param=tsan-instrument-func-entry-exit=0",
    "--param=tsan-distinguish-volatile=1",
    "-Wno-tsan",
]

_INSTRUMENT_CLANG = [
    "-fsanitize=thread",
    "-mllvm",
    "-tsan-instrument-read-before-write=1",
    "-mllvm",
    "-tsan-distinguish-volatile=1",
    "-mllvm",
    "-tsan-instrument-func-entry-exit=0",
]

# Explored builds bring their own __tsan_ functions; both compilers refuse to
# combine -fsanitize=thread with -fsanitize=address.
EXPLORED_COMPATIBLE = select({
    "//:asan": ["@platforms//:incompatible"],
    "//:tsan": ["@platforms//:incompatible"],
    "//conditions:default": [],
})

_ARCH = {
    "x86_64": "CONFIG_X86_64=1",
    "arm": "CONFIG_ARM=1",
    "arm_nommu": "CONFIG_ARM=1",
}

def has_mmu(arch):
    return arch != "arm_nommu"

def mm_sources(arch):
    """The label of the sources of //mm that a kernel of `arch` consists of."""
    return "//mm:sources" if has_mmu(arch) else "//mm:sources_nommu"

def kernel_defines(arch, explored, physmem = True, planted = False):
    return [
        _ARCH[arch],
        "CONFIG_CRAMFS_PHYSMEM=" + ("1" if physmem else "0"),
        "FAULTLINE_EXPLORED=" + ("1" if explored else "0"),
        "FAULTLINE_PLANTED=" + ("1" if planted else "0"),
    ] + (["CONFIG_MMU=1"] if has_mmu(arch) else [])

def kernel(
        name,
        arch,
        explored,
        physmem = True,
        planted = False,
        instrumented = None,
        plain = ["//mm/sync:sources", "//cramfs:plain_sources"],
        headers = ["//mm:headers", "//mm/sync:headers", "//cramfs:headers"]):
    """Declares the shared object `name`.so.

    Args:
      name: file name without ".so".
      arch: "x86_64", "arm" or "arm_nommu".
      explored: whether loads and stores become events.
      physmem: CONFIG_CRAMFS_PHYSMEM.
      planted: with the deliberately broken variants that checkers are
        tested on.
      instrumented: sources that are instrumented when `explored`; None: those
        of //mm and //cramfs.
      plain: sources that never are.
      headers: what both include.
    """
    if instrumented == None:
        instrumented = [mm_sources(arch), "//cramfs:sources"]
    defines = kernel_defines(arch, explored, physmem, planted)
    compatible = EXPLORED_COMPATIBLE if explored else []
    native.cc_library(
        name = name + "_plain",
        srcs = plain + headers,
        copts = _COMMON + _DEBUG,
        local_defines = defines,
        linkstatic = True,
        alwayslink = True,
        target_compatible_with = compatible,
    )
    instrument = select({
        "//:clang": _INSTRUMENT_CLANG,
        "//conditions:default": _INSTRUMENT_GCC,
    }) if explored else []

    # A null pointer is the explorer's to report, before it is used; under
    # UBSan the compiler's own check would end the process first.
    if explored:
        instrument = instrument + ["-fno-sanitize=null"]
    native.cc_binary(
        name = name + ".so",
        srcs = instrumented + headers,
        copts = _COMMON + _DEBUG + instrument,
        linkopts = ["-Wl,--build-id"] + (["-Wl,-z,defs"] if explored else []),
        linkshared = True,
        local_defines = defines,
        target_compatible_with = compatible,
        visibility = ["//visibility:public"],
        deps = [
            ":" + name + "_plain",
            "@debian//:zlib",
        ],
    )

def kernel_test_library(name, arch, srcs, hdrs):
    """Model sources as a native library, for unit tests that call them directly.

    Args:
      name: of the library; what depends on it gets the defines too.
      arch: "x86_64", "arm" or "arm_nommu".
      srcs: guest sources.
      hdrs: guest headers.
    """
    native.cc_library(
        name = name,
        testonly = True,
        srcs = srcs,
        hdrs = hdrs,
        copts = [flag for flag in _COMMON if flag != "-g"],
        defines = kernel_defines(arch, explored = False),
        linkstatic = True,
        deps = ["@debian//:zlib"],
    )

def c11_headers_test(name, headers, arch, explored):
    """Each header, alone, compiles as C11 with a kernel build's defines."""
    sources = []
    for header in headers:
        source = name + "_" + header.replace("/", "_").replace(".", "_") + ".c"
        native.genrule(
            name = source + "_source",
            outs = [source],
            cmd = "printf '#include \"%s\"\\n#include \"%s\"\\n' {0} {0} > $@".format(header),
        )
        sources.append(source)
    native.cc_test(
        name = name,
        size = "small",
        srcs = sources + [
            "c11_main.c",
            "//mm:headers",
            "//mm/sync:headers",
            "//cramfs:headers",
        ],
        copts = [
            "-std=c11",
            "-ffreestanding",
            "-Werror",
            "-Wno-unused-function",
        ],
        local_defines = kernel_defines(arch, explored),
    )

#!/usr/bin/env python3
"""Stub libraries that load the CUDA libraries on first use.

    lazy.py --cudarc FOLDER --cuda MAJOR --out FOLDER

candle links the driver, cuBLAS, cuRAND, NVRTC and cuDNN as shared objects, so a program would not start
without them. For each, this writes `libNAME.so`, a linker script that names a static archive with
every function that cudarc declares, as a jump through a table. At first each entry leads to a
resolver, which opens the real library by dlopen (so LD_LIBRARY_PATH applies), enters the address of
the function into the table and jumps there with the arguments unchanged. If a library is missing, its
functions return its status for "not initialised".

The functions are read from cudarc's sources. x86-64 only.
"""

import argparse
import pathlib
import platform
import re
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    module: str  # of cudarc
    name: str  # for the linker: -lNAME
    soname: str  # of the real library; {} is the major version of CUDA
    absent: int  # status of its functions if it is missing


LIBRARIES = [
    Library("driver", "cuda", "libcuda.so.1", 34),  # CUDA_ERROR_STUB_LIBRARY
    Library("cublas", "cublas", "libcublas.so.{}", 1),  # CUBLAS_STATUS_NOT_INITIALIZED
    Library("cublaslt", "cublasLt", "libcublasLt.so.{}", 1),  # likewise
    Library("curand", "curand", "libcurand.so.10", 203),  # CURAND_STATUS_INITIALIZATION_FAILED
    Library("nvrtc", "nvrtc", "libnvrtc.so.{}", 11),  # NVRTC_ERROR_INTERNAL_ERROR
    Library("cudnn", "cudnn", "libcudnn.so.9", 1001),  # CUDNN_STATUS_NOT_INITIALIZED
]

DECLARATION = re.compile(
    r"extern \"C\" \{\s*fn (?P<name>\w+)\([^)]*\)(?: -> (?P<result>[^;]+))?;", re.DOTALL
)

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

enum kind { STATUS, TEXT, SIZE };
static const struct { const char *name; enum kind kind; } functions[] = {
@functions@
};
extern void *lazy_@name@_table[] __attribute__((visibility("hidden")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *library;
static char missing[512];
static void open_library(void) {
    library = dlopen("@soname@", RTLD_NOW | RTLD_LOCAL);
    if (!library) snprintf(missing, sizeof missing, "cannot load @soname@: %s", dlerror());
}

static int absent_status(void) { return @absent@; }
static const char *absent_text(void) { return missing; }
static size_t absent_size(void) { return 0; }

__attribute__((visibility("hidden"))) void *lazy_@name@_resolve(size_t index) {
    pthread_once(&once, open_library);
    void *function = library ? dlsym(library, functions[index].name) : NULL;
    if (library && !function)
        fprintf(stderr, "warning: @soname@ has no %s: it is older than this program\n",
                functions[index].name);
    if (!function) switch (functions[index].kind) {
        case STATUS: function = (void *)absent_status; break;
        case TEXT: function = (void *)absent_text; break;
        case SIZE: function = (void *)absent_size; break;
    }
    __atomic_store_n(&lazy_@name@_table[index], function, __ATOMIC_RELEASE);
    return function;
}

/* Entered by a jump with the index pushed above the return address. Saves every register that may
   hold an argument (System V: six integer and eight vector registers, and al for variadic calls). */
__asm__(
    ".text\n"
    ".type lazy_@name@_first, @function\n"
    "lazy_@name@_first:\n"
    "  pushq %rbp\n"
    "  movq %rsp, %rbp\n"
    "  subq $184, %rsp\n"
    "  movq %rdi, 128(%rsp)\n  movq %rsi, 136(%rsp)\n  movq %rdx, 144(%rsp)\n"
    "  movq %rcx, 152(%rsp)\n  movq %r8, 160(%rsp)\n  movq %r9, 168(%rsp)\n"
    "  movq %rax, 176(%rsp)\n"
    "  movups %xmm0, (%rsp)\n  movups %xmm1, 16(%rsp)\n  movups %xmm2, 32(%rsp)\n"
    "  movups %xmm3, 48(%rsp)\n  movups %xmm4, 64(%rsp)\n  movups %xmm5, 80(%rsp)\n"
    "  movups %xmm6, 96(%rsp)\n  movups %xmm7, 112(%rsp)\n"
    "  movq 8(%rbp), %rdi\n"
    "  call lazy_@name@_resolve\n"
    "  movq %rax, %r11\n"
    "  movups (%rsp), %xmm0\n  movups 16(%rsp), %xmm1\n  movups 32(%rsp), %xmm2\n"
    "  movups 48(%rsp), %xmm3\n  movups 64(%rsp), %xmm4\n  movups 80(%rsp), %xmm5\n"
    "  movups 96(%rsp), %xmm6\n  movups 112(%rsp), %xmm7\n"
    "  movq 128(%rsp), %rdi\n  movq 136(%rsp), %rsi\n  movq 144(%rsp), %rdx\n"
    "  movq 152(%rsp), %rcx\n  movq 160(%rsp), %r8\n  movq 168(%rsp), %r9\n"
    "  movq 176(%rsp), %rax\n"
    "  leave\n"
    "  addq $8, %rsp\n"
    "  jmp *%r11\n"
@entries@
    ".data\n.balign 8\n.globl lazy_@name@_table\n.hidden lazy_@name@_table\nlazy_@name@_table:\n"
@table@
    ".text\n");
"""


def declared(source: pathlib.Path) -> dict[str, str]:
    """The functions of a cudarc module with the kinds of their results."""
    kinds = {}
    for match in DECLARATION.finditer(source.read_text()):
        result = match["result"] or ""
        text, size = "c_char" in result, result.strip() == "usize"
        kinds[match["name"]] = "TEXT" if text else "SIZE" if size else "STATUS"
    if not kinds:
        raise SystemExit(f"lazy.py: {source} has no declarations in the form of cudarc 0.19")
    return dict(sorted(kinds.items()))


def source_of(library: Library, soname: str, kinds: dict[str, str]) -> str:
    name = library.name
    functions = [f'    {{"{function}", {kind}}},' for function, kind in kinds.items()]
    entries, table = [], []
    for index, function in enumerate(kinds):
        entries.append(
            f'    ".globl {function}\\n.type {function}, @function\\n'
            f'{function}: jmp *lazy_{name}_table+{8 * index}(%rip)\\n"\n'
            f'    ".Lfirst{index}: pushq ${index}\\n  jmp lazy_{name}_first\\n"'
        )
        table.append(f'    "  .quad .Lfirst{index}\\n"')
    words = {
        "functions": "\n".join(functions),
        "entries": "\n".join(entries),
        "table": "\n".join(table),
        "name": name,
        "soname": soname,
        "absent": str(library.absent),
    }
    return re.sub(r"@(functions|entries|table|name|soname|absent)@", lambda m: words[m[1]], SOURCE)


def write(library: Library, cudarc: pathlib.Path, major: int, out: pathlib.Path) -> None:
    soname = library.soname.format(major)
    kinds = declared(cudarc / "src" / library.module / "sys" / "mod.rs")
    code, unit = source_of(library, soname, kinds), out / f"lazy_{library.name}.o"
    compiler = ["cc", "-O2", "-fPIC", "-x", "c", "-c", "-", "-o", unit]
    subprocess.run(compiler, input=code.encode(), check=True)
    archive = out / f"liblazy_{library.name}.a"
    archive.unlink(missing_ok=True)
    subprocess.run(["ar", "crs", archive, unit], check=True)
    unit.unlink()
    (out / f"lib{library.name}.so").write_text(f"INPUT({archive.resolve()})\n")
    print(f"lib{library.name}.so: {len(kinds)} functions of {soname}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cudarc", type=pathlib.Path, required=True)
    parser.add_argument("--cuda", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    if platform.machine() != "x86_64":
        raise SystemExit(f"lazy.py: only x86-64 is supported, this is {platform.machine()}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for library in LIBRARIES:
        write(library, arguments.cudarc, arguments.cuda, arguments.out)
    # candle-kernels links the runtime for the kernels that nvcc-slim leaves out.
    (arguments.out / "libcudart.so").write_text("/* no function of the CUDA runtime is used */\n")


main()

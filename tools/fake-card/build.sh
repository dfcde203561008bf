#!/usr/bin/env bash
# Builds the fake card: build.sh KERNELS FOLDER. One library under the names of all of CUDA's, for
# LD_LIBRARY_PATH.
set -euo pipefail
kernels=$1 folder=$2 here=$(cd "$(dirname "$0")" && pwd)
sources=(prelude.cuh pointwise.cu norm.cu norm_backward.cu pool.cu head.cu convolution.cu table.cu)
mkdir -p "$folder"
flags=(-std=c++17 -O2 -ffp-contract=off -fPIC -Wno-unknown-pragmas)

# The kernels behind the emulator, with a table of their names.
for real in f32 bf16; do
  {
    cat "$kernels/emulator.h" "${sources[@]/#/$kernels/}"
    printf 'extern "C" __attribute__((visibility("default"))) int emulate_%s(\n' "$real"
    echo 'const char *name, const char *kinds, const unsigned *sizes, void **values) {'
    echo 'static const emulator::Entry entries[] = {'
    cat "${sources[@]/#/$kernels/}" | sed -nE 's/^KERNEL ([a-z0-9_]+)\(.*/ENTRY(\1),/p'
    echo '};'
    echo 'return emulator::launch(entries, sizeof entries / sizeof *entries, name, kinds, sizes, values);}'
  } | "${CXX:-c++}" "${flags[@]}" -fvisibility=hidden $([[ $real == bf16 ]] && echo -DREAL_IS_BF16) \
    -x c++ -shared - -o "$folder/libkernels_$real.so"
done
"${CXX:-c++}" "${flags[@]}" -Wall -shared "$here/card.cpp" "$here/cudnn.cpp" -o "$folder/libcuda.so.1" \
  -L"$folder" -lkernels_f32 -lkernels_bf16 '-Wl,-rpath,$ORIGIN'
for name in libcublas.so.13 libcublasLt.so.13 libcurand.so.10 libnvrtc.so.13 libcudnn.so.9; do
  ln -sf libcuda.so.1 "$folder/$name"
done

#!/usr/bin/env bash
# Sets up the toolkit that the feature `cuda` is built with: toolkit.sh FOLDER
#
# The compiler is that of CUDA_HOME if it is set, else that of NVIDIA's Python wheels, unpacked into
# FOLDER/wheels. FOLDER/home has the layout of a toolkit: the compiler behind nvcc-slim, its headers,
# and stub libraries that load the real ones on first use (lazy.py). FOLDER/env.sh, written last,
# exports the environment of a build. Needs Python 3 with pip, a C compiler and cargo.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)

# Not newer than 13.0: a driver refuses PTX of a later CUDA than its own, and driver 580 supports 13.0.
wheels=(nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88
  nvidia-cuda-cccl==13.0.85 nvidia-cuda-runtime==13.0.96)
platforms=(manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux_2_12 manylinux2010)

fail() { printf 'error: %s\n' "$@" >&2; exit 1; }

fetch() {
  [[ -f $folder/wheels/ready ]] && return
  rm -rf "$folder/wheels" && mkdir -p "$folder/wheels/files"
  python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$folder/wheels/files" \
    "${platforms[@]/%/_x86_64}" "${wheels[@]}" ||
    fail 'the compiler could not be downloaded from PyPI' \
      '  help: set CUDA_HOME to an installed toolkit, or see what pip says above'
  for wheel in "$folder"/wheels/files/*.whl; do python3 -m zipfile -e "$wheel" "$folder/wheels"; done
  # Python's zip reader drops the executable bits.
  chmod +x "$folder"/wheels/nvidia/cu13/bin/* "$folder"/wheels/nvidia/cu13/nvvm/bin/*
  rm -r "$folder/wheels/files"
  touch "$folder/wheels/ready"
}

platforms=("${platforms[@]/#/--platform=}")
if [[ ${CUDA_HOME:-} ]]; then
  toolkit=$CUDA_HOME
  [[ -x $toolkit/bin/nvcc ]] || fail "CUDA_HOME=$toolkit has no bin/nvcc" \
    '  help: name a toolkit, or unset CUDA_HOME to use the compiler from PyPI'
else
  fetch
  toolkit=$folder/wheels/nvidia/cu13
fi

release=$("$toolkit/bin/nvcc" --version | sed -n 's/.*release \([0-9]*\)\.\([0-9]*\),.*/\1 \2/p')
read -r major minor <<<"$release" || fail "$toolkit/bin/nvcc --version names no release"
version=${major}0${minor}0
cudarc=$(cargo metadata --format-version 1 --locked --all-features --manifest-path "$here/../../Cargo.toml" |
  python3 -c 'import json, os, sys
print(*(os.path.dirname(it["manifest_path"]) for it in json.load(sys.stdin)["packages"] if it["name"] == "cudarc"))')
[[ -d $cudarc ]] || fail 'Cargo.lock has no package cudarc'
grep -q "^cuda-$version = " "$cudarc/Cargo.toml" ||
  fail "cudarc does not support CUDA $major.$minor ($cudarc/Cargo.toml)" \
    '  help: set CUDA_HOME to a toolkit of 12.x or 13.0, or unset it'

home=$folder/home
rm -rf "$home" "$folder/env.sh" && mkdir -p "$home/bin" "$home/lib"
printf '#!/bin/sh\nHPA_NVCC="%s" exec "%s" "$@"\n' "$toolkit/bin/nvcc" "$here/nvcc-slim" >"$home/bin/nvcc"
chmod +x "$home/bin/nvcc"
ln -s "$toolkit/include" "$home/include"
ln -s lib "$home/lib64"
python3 "$here/lazy.py" --cudarc "$cudarc" --cuda "$major" --out "$home/lib"

# The drivers of all later GPUs compile PTX of 8.0, the first compute capability with bf16.
cat >"$folder/env.sh.partial" <<END
unset CUDA_PATH CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR CUDNN_LIB
export CUDA_HOME="$home" NVCC="$home/bin/nvcc" CUDARC_CUDA_VERSION=$version
export CUDA_COMPUTE_CAP="\${CUDA_COMPUTE_CAP:-80}" CUDAFORGE_THREADS="\${CUDAFORGE_THREADS:-\$(nproc)}"
END
mv "$folder/env.sh.partial" "$folder/env.sh"
echo "CUDA $major.$minor of $toolkit"

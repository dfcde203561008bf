# Programs for a GPU: how they are built, tested and measured. docs/cuda.md has the whole story.
#
# What computes on a GPU is built apart (`make cuda`), because its dependencies are others.

.PHONY: cuda check-cuda check-cuda-programs check-gpu check-fake-gpu bench-gpu

cuda_target := $(patsubst $(CURDIR)/%,%,$(abspath $(CARGO_TARGET_DIR)))/cuda
cuda_bin    := $(cuda_target)/release
cuda_bins   := $(cuda_bin)/hpa-train $(cuda_bin)/hpa-predict
-include $(wildcard $(cuda_bins:=.d))

# Where hpa-train and hpa-predict are taken from: `auto` takes those for a GPU where they have been
# built; they fall back to the CPU by themselves.
on_gpu  := $(if $(filter cuda,$(DEVICE)),yes,$(if $(filter auto,$(DEVICE)),$(wildcard $(cuda_bin)/hpa-train)))
net_bin := $(if $(on_gpu),$(cuda_bin),$(bin))
# One process at a time on a GPU. The lock is the device's own file: one a host and device.
gpu_device := $(firstword $(wildcard $(patsubst %,/dev/nvidia%,$(firstword $(subst $(comma), ,$(or $(CUDA_VISIBLE_DEVICES),0)))) \
  /dev/nvidiactl /dev/dxg))
gpu := $(if $(on_gpu),$(addprefix flock ,$(gpu_device)))

cuda: $(cuda_bins) ## hpa-train and hpa-predict for a GPU, by CUDA_HOME's compiler or one from PyPI

$(cuda_target)/env.sh: $(wildcard tools/cuda/*) Cargo.lock
	tools/cuda/toolkit.sh $(@D)

$(cuda_bins) &: $(cuda_target)/env.sh Cargo.lock Cargo.toml rust-toolchain.toml
	. $<; cargo build --release --locked --target-dir $(cuda_target) --workspace \
	  --bin hpa-train --bin hpa-predict --features hpa-train/cuda,hpa-predict/cuda
	@touch $(cuda_bins)

# In a target folder of its own: nvcc-check leaves empty kernels behind, which nothing may link.
check-cuda: ## lints of the feature cuda, on a machine without CUDA
	NVCC=$(CURDIR)/tools/cuda/nvcc-check CUDA_COMPUTE_CAP=80 CUDARC_CUDA_VERSION=13000 \
	  cargo clippy --release --locked --target-dir $(cuda_target)-check $(patsubst %,-p hpa-%,ops nn train predict) \
	  --all-targets --features cuda -- -D warnings

check-cuda-programs: $(cuda_bins) ## the programs of `make cuda` start without CUDA and say what is missing
	cargo test --release --locked --workspace --test cuda -- --include-ignored

# What runs on a machine with a GPU, perhaps after it was carried there: programs without files.
gpu_checks := $(addprefix $(cuda_target)/release/examples/,check_gpu_ops check_gpu gpu_speed)
$(gpu_checks) &: $(cuda_target)/env.sh Cargo.lock $(shell git ls-files 'crates/libs/*.rs' crates/libs/ops/kernels 2>/dev/null)
	. $<; cargo build --release --locked --target-dir $(cuda_target) -p hpa-ops -p hpa-nn --examples --features cuda
	@touch $(gpu_checks)

# DEVICE=cpu shows at tiny sizes that the checks themselves work.
dry := $(filter cpu,$(DEVICE))
check-gpu: $(gpu_checks) ## on a GPU: every operation, 200 training steps, a full GPU (ten minutes)
	$(cuda_target)/release/examples/check_gpu_ops --device $(if $(dry),cpu,cuda)
	$(cuda_target)/release/examples/check_gpu --device $(if $(dry),cpu --steps 12 --px 32 --batch 4,cuda)

check-fake-gpu: $(cuda_target)/release/examples/check_gpu_ops ## every operation through CUDA's interfaces, on an emulated GPU
	cargo run --release --locked -p hpa-ops --features emulator --example emulated_gpu -- $(abspath $(cuda_target))/fake-gpu
	LD_LIBRARY_PATH=$(abspath $(cuda_target))/fake-gpu $(cuda_target)/release/examples/check_gpu_ops --rounds 2

BENCH_GPU_PYTHON ?= $(bench_env)/gpu/bin/python
bench-gpu: $(gpu_checks) $(if $(filter $(bench_env)/%,$(BENCH_GPU_PYTHON)),$(bench_env)/gpu/ready) ## training on a GPU against PyTorch (BENCH_ROWS; BENCH_GPU_PYTHON has PyTorch for CUDA)
	$(BENCH_GPU_PYTHON) -B benches/gpu/run.py --ours $(cuda_target)/release/examples/gpu_speed \
	  --device $(if $(dry),cpu,cuda) --out $(RUNS)/bench/gpu$(if $(dry),-dry).json \
	  --report $(RUNS)/bench/gpu$(if $(dry),-dry).md $(addprefix --rows ,$(BENCH_ROWS))

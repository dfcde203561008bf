# Speed as ratios to named peers, each pair measured interleaved in one run. The peers live in
# Python environments outside of the repository.

.PHONY: bench bench-train bench-preprocess bench-threshold

# Only some rows, and seconds a row: make bench-train BENCH_ROWS="train-resnet18-128-b32 kernels" BENCH_SECONDS=60
BENCH_ROWS    ?=
BENCH_SECONDS ?= 60
BENCH_PYTHON  ?= $(bench_env)/train/bin/python

bench: bench-train bench-preprocess bench-threshold

# An environment is made anew when its pinned versions change.
$(patsubst %,$(bench_env)/%/ready,train gpu quality preprocess threshold): $(bench_env)/%/ready: benches/%/requirements.txt
	python3 -m venv --clear $(@D) || { echo 'error: python3 -m venv does not work here (Debian: apt install python3-venv)' >&2; exit 1; }
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	cp $< $@

bench-threshold: $(addprefix $(bin)/hpa-,threshold labels import) $(bench_env)/threshold/ready ## hpa-threshold against NumPy and SciPy (needs HPA_SHARED)
	$(bench_env)/threshold/bin/python -B benches/threshold/run.py --programs $(bin) \
	  --shared $(or $(HPA_SHARED),../shared) --out $(RUNS)/bench/threshold.json $(BENCH_ROWS)

# $(call row,NAME): whether that row is measured; all are where none is named.
row = $(if $(BENCH_ROWS),$(filter $1,$(BENCH_ROWS)),$1)
bench-train: $(addprefix $(bin)/hpa-,train synth preprocess labels split) \
    $(if $(filter $(bench_env)/%,$(BENCH_PYTHON)),$(bench_env)/train/ready) ## training and evaluation against PyTorch and ONNX Runtime, into docs/performance.md too (BENCH_ROWS, BENCH_SECONDS a row)
	cargo build --release --locked --workspace --example speed --example layers
	$(if $(filter-out kernels,$(or $(BENCH_ROWS),all)),$(BENCH_PYTHON) -B benches/train/run.py --ours $(bin)/examples/speed --programs $(bin) \
	  --out $(RUNS)/bench/train.json --document docs/performance.md \
	  --rows $(filter-out kernels,$(BENCH_ROWS)) --threads $(THREADS) --budget $(BENCH_SECONDS))
	$(if $(call row,kernels),mkdir -p $(RUNS)/bench; { $(bin)/examples/layers 128 16 5 f32; \
	  if grep -qw avx512_bf16 /proc/cpuinfo; then echo; $(bin)/examples/layers 128 16 5 bf16; fi; } > $(RUNS)/bench/kernels.md; \
	  $(BENCH_PYTHON) -B benches/train/document.py docs/performance.md kernels < $(RUNS)/bench/kernels.md)

bench-preprocess: $(addprefix $(bin)/hpa-,preprocess labels split synth) $(bench_env)/preprocess/ready ## hpa-preprocess and hpa-split against OpenCV, pyarrow and iterative-stratification
	cargo build --release --locked --workspace --example lower_bound --example near_duplicates
	@if [ -f $(REAL_SAMPLES)/train.csv ]; then samples=$(REAL_SAMPLES); else \
	  echo 'no real samples in $(REAL_SAMPLES) (set HPA_SHARED): drawn ones are measured' >&2; \
	  samples=$(RUNS)/bench/raw; $(bin)/hpa-synth --config benches/preprocess/synth.toml --out $$samples; fi; \
	$(bench_env)/preprocess/bin/python benches/preprocess/run.py --bin $(bin) --samples $$samples \
	  --tables $(or $(HPA_SHARED),../shared)/data/kaggle-tables --out $(RUNS)/bench/preprocess.json

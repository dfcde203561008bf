# hpa, from images to submissions and a report. `make help` lists the goals.
# make/*.mk has the rules by subject, pipelines/NAME the settings of a run, docs/artifacts.md the
# content of each file.

# ---- settings: command line or environment ----------------------------------
# A folder of pipelines/: quick, smoke, talk, transfer, sim-to-real, winner.
PIPELINE     ?= quick
# auto, cpu or cuda; auto takes the GPU where `make cuda` has built for one.
DEVICE       ?= auto
# A folder in Kaggle's layout; without it the pipeline's synth.toml draws a data set.
DATA         ?=
# More folders with train.csv and train/, whose samples are trained on too.
EXTRA_TRAIN  ?=
# A folder of pretrained weights, ARCHITECTURE.safetensors; `none` trains from scratch.
WEIGHTS      ?=
# A file with ids of the same field on one line; they share a fold.
DUPLICATES   ?=
THREADS      ?= $(shell nproc)
# V=1 prints whole command lines; TENSORBOARD=1 writes training events to data/RUN/events.
V            ?=
TENSORBOARD  ?=
# Where real samples, pipelines and runs are.
HPA_SHARED   ?=
REAL_SAMPLES ?= $(or $(HPA_SHARED),../shared)/data/hpa-sample
PIPELINES    ?= pipelines
RUNS         ?= data
CARGO_TARGET_DIR ?= target

include make/settings.mk

# ---- goals ------------------------------------------------------------------
.PHONY: all preprocess split train predict threshold ensemble report
all: report ## everything, from images to submissions and report
preprocess: $(train_images) $(test_images) $(train_statistics) $(test_statistics) ## images to Parquet shards
split: $(folds) $(duplicate_lists) ## stratified folds that keep duplicates together
train: $(checkpoints) ## one checkpoint per model and fold
predict: $(call prediction_files,$(models)) ## out-of-fold and test probabilities of each model
threshold: $(thresholds) ## one decision threshold per label
ensemble: $(call prediction_files,$(ensembles)) ## probabilities of each ensemble
report: $(page) $(scores) ## the page, the table of scores and what they need

.PHONY: test check audit sanitize fuzz bench
test: ## all tests
check: ## what must pass before a commit: format, lints, tests, dependency audit
audit: ## where every dependency comes from and under which licence
sanitize: ## tests of hpa-ops under AddressSanitizer (a cold build, some minutes)
fuzz: ## feed every reader damaged files, FUZZ_SECONDS=60 each (needs cargo-fuzz and a C++ compiler)
bench: ## ratios against the peers, into data/bench (half an hour)

include make/build.mk make/gpu.mk make/stages.mk make/runs.mk make/bench.mk make/quality.mk

.PHONY: help
help: ## this list
	@echo 'usage: make GOAL [PIPELINE=quick] [DATA=DIR] [DEVICE=auto] [RUN=NAME] [THREADS=N] [V=1] [-j2]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'pipelines: $(notdir $(wildcard $(PIPELINES)/*))'

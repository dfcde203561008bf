# The pipeline, one rule a stage. `make help` lists what you can ask for,
# docs/artifacts.md says what is inside each file, pipelines/ says which runs exist.

# ---- what a user sets ------------------------------------------------------

PIPELINE   ?= quick
DEVICE     ?= auto
# A folder in Kaggle's layout; without it the pipeline's synth.toml draws one.
DATA       ?=
# Further folders with `train.csv` and `train/`, whose samples are trained on too.
EXTRA      ?=
# A folder with MODEL.safetensors for models that say `pretrained = true`, or `none`.
WEIGHTS    ?=
# Ids of the same field on one line, kept in one fold.
DUPLICATES ?=
THREADS    ?= $(shell nproc)
REAL       ?= $(or $(HPA_SHARED),../shared)/data/hpa-sample
HPA_SHARED ?=
CARGO_TARGET_DIR ?= target
# `EVENTS=1` writes events for TensorBoard to RUN/events while networks train.
EVENTS     ?=
# How long each reader is fuzzed.
SECONDS    ?= 60
# Where pipelines are read from and runs are kept.
PIPELINES  ?= pipelines
RUNS       ?= data

data := $(patsubst %/,%,$(DATA))
extra := $(patsubst %/,%,$(EXTRA))
goals := $(or $(MAKECMDGOALS),help)
applying := $(filter apply,$(goals))
own_run := $(PIPELINE)$(if $(data),-$(notdir $(data)))
# New images are read by the networks that were trained on their folder, or else by the pipeline's.
RUN ?= $(if $(applying),$(if $(wildcard $(RUNS)/$(own_run)/models),$(own_run),$(PIPELINE)),$(own_run))
# What error messages tell people to run.
unusual = $(foreach v,EXTRA DUPLICATES RUNS PIPELINES,$(if $(filter command environment,$(origin $v)),$v=$(if $(word 2,$($v)),'$($v)',$($v))))
export HPA_MAKE := make$(if $(applying), apply) PIPELINE=$(PIPELINE)$(if $(data), DATA=$(data))$(if \
  $(WEIGHTS), WEIGHTS=$(WEIGHTS)) RUN=$(RUN)$(addprefix  ,$(strip $(unusual)))

MAKEFLAGS     += --no-builtin-rules --warn-undefined-variables --output-sync=line
SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDEXPANSION:

# ---- names -----------------------------------------------------------------
# A pipeline is a folder of TOML files: adding a model is adding models/NAME.toml.

cfg := $(PIPELINES)/$(PIPELINE)
out := $(RUNS)/$(RUN)
# Relative inside of the workspace, as cargo's .d files have it.
bin := $(patsubst $(CURDIR)/%,%,$(abspath $(CARGO_TARGET_DIR)))/release
raw := $(or $(data),$(out)/raw)
train_tables  := $(raw)/train.csv $(extra:%=%/train.csv)
train_folders := $(raw)/train $(extra:%=%/train)
# What computes on a graphics card is built apart (`make cuda`), for its dependencies are others.
cuda_target := $(patsubst $(CURDIR)/%,%,$(abspath $(CARGO_TARGET_DIR)))/cuda
cuda_bin := $(cuda_target)/release
# `auto` takes it where it has been built; it then falls back to the processor by itself.
on_card := $(if $(filter cuda,$(DEVICE)),yes,$(if $(filter auto,$(DEVICE)),$(wildcard $(cuda_bin)/hpa-train)))
net_bin := $(if $(on_card),$(cuda_bin),$(bin))

# $(call toml,FILE,KEY): a number, string or one-line array, as plain words.
toml = $(shell sed -n 's/[[:space:]]*\#.*//; s/^$2[[:space:]]*=[[:space:]]*//p' $1 | tr -d '",[]')
# $(call shards,train): the names of that part's shards.
shards = $(foreach i,$(shell seq 0 $$(($(call toml,$(cfg)/preprocess.toml,$1_shards) - 1))),$(shell printf '$(out)/images/$1-%05d-of-%05d.parquet' $i $(call toml,$(cfg)/preprocess.toml,$1_shards)))
# fixed:0.5 is a method, fixed-0.5 its file.
file_of   = $(subst :,-,$1)
method_of = $(subst fixed-,fixed:,$1)

programs  := labels split train predict threshold ensemble submit score import report synth preprocess statistics
bins      := $(programs:%=$(bin)/hpa-%)
models    := $(basename $(notdir $(wildcard $(cfg)/models/*.toml)))
ensembles := $(basename $(notdir $(wildcard $(cfg)/ensembles/*.toml)))

ifneq ($(wildcard $(cfg)),)
fold_ids := $(shell seq 0 $$(($(call toml,$(cfg)/split.toml,folds) - 1)))
methods  := $(call file_of,$(call toml,$(cfg)/threshold.toml,methods))
submit   := $(call file_of,$(call toml,$(cfg)/threshold.toml,submit))
size_px  := $(call toml,$(cfg)/preprocess.toml,size_px)
train_images := $(call shards,train)
test_images  := $(call shards,test)
else
$(if $(filter-out help check test audit sanitize fuzz bench bench-% check-%,$(goals)),$(error PIPELINE=$(PIPELINE) does not exist: there are $(notdir $(wildcard $(PIPELINES)/*))))
fold_ids := 0
methods  :=
submit   :=
size_px  :=
train_images :=
test_images  :=
endif

train_statistics := $(out)/statistics/train.parquet
test_statistics  := $(out)/statistics/test.parquet
# Which samples show the same field: among the training part, and across to the test part.
twins  := $(out)/duplicates/train.csv $(out)/duplicates/leaks.csv
labels := $(out)/labels.parquet
folds  := $(out)/folds.parquet
page   := $(out)/report/index.html
scores := $(out)/report/scores.parquet
has_test_labels := $(if $(data),$(wildcard $(data)/test_labels.csv),yes)
test_labels := $(if $(has_test_labels),$(out)/test-labels.parquet)

# Decisions joined by OR are 0 or 1: there is one threshold to use.
or_ensembles  := $(foreach e,$(ensembles),$(if $(filter or,$(call toml,$(cfg)/ensembles/$e.toml,method)),$e))
methods_of     = $(if $(filter $1,$(or_ensembles)),fixed-0.5,$(methods))
submit_of      = $(if $(filter $1,$(or_ensembles)),fixed-0.5,$(submit))
members_of     = $(call toml,$(cfg)/ensembles/$1.toml,members)
checkpoints_of = $(fold_ids:%=$(out)/models/$1/fold-%.safetensors)
thresholds_of  = $(foreach m,$(call methods_of,$1),$(out)/thresholds/$1/$m.parquet)

checkpoints := $(foreach m,$(models),$(call checkpoints_of,$m))
histories   := $(checkpoints:.safetensors=.history.parquet)
predictions := $(foreach n,$(models) $(ensembles),$(out)/predictions/$n/oof.parquet $(out)/predictions/$n/test.parquet)
thresholds  := $(foreach n,$(models) $(ensembles),$(call thresholds_of,$n))
submissions := $(foreach n,$(models) $(ensembles),$(out)/submissions/$n.csv)

# $(call member_files,ENSEMBLE,FILE): that file of each member.
member_files      = $(foreach m,$(call members_of,$1),$(out)/predictions/$m/$2)
# Only decisions need thresholds.
member_thresholds = $(if $(filter $1,$(or_ensembles)),$(foreach m,$(call members_of,$1),$(out)/thresholds/$m/$(call submit_of,$m).parquet))

# Side by side (-j N) each recipe gets its share of the threads.
jobs  = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),1)
share = --threads $$(( $(THREADS) / $(jobs) > 0 ? $(THREADS) / $(jobs) : 1 ))
# One process at a time on a GPU, which DEVICE=auto takes where there is one.
gpu   = $(if $(on_card),$(if $(wildcard /dev/nvidiactl /dev/dxg),flock $(RUNS)/.gpu.lock))

# ---- refusals, before any work ---------------------------------------------

# Folders are removed by these names.
$(foreach v,RUN PIPELINE,$(if $(and $(filter-out . ..,$($v)),$(if $(word 2,$($v)),,word),$(if $(findstring /,$($v)),,flat)),,$(error $v='$($v)': expected the name of one folder, without a slash or a space)))
$(if $(filter auto cpu cuda,$(DEVICE)),,$(error DEVICE=$(DEVICE): expected auto, cpu or cuda))
$(if $(word 2,$(DATA)),$(error DATA='$(DATA)': Make cannot follow paths with spaces: give another name to the folder, or a link to it))

trains := $(filter all train predict threshold ensemble report retrain realism $(out)/models/% $(out)/predictions/%,$(goals))
reads  := $(trains)$(filter preprocess split,$(goals))
networks := resnet18 resnet34 resnet50 efficientnet-lite0
wanted = $(call toml,$(cfg)/models/$1.toml,architecture)
pretrained := $(strip $(foreach m,$(models),$(if $(filter true,$(call toml,$(cfg)/models/$m.toml,pretrained)),$m)))

ifneq ($(trains)$(applying),)
# Hours of preparation are not for a machine that cannot go on; the programs know the finer reasons.
$(if $(filter cuda,$(DEVICE)),$(if $(wildcard /dev/nvidiactl /dev/dxg),,$(error DEVICE=cuda: this machine has no NVIDIA graphics card with a driver (no /dev/nvidiactl): use DEVICE=auto or DEVICE=cpu)))
endif
ifneq ($(trains),)
$(foreach m,$(models),$(if $(filter $(networks),$(call wanted,$m)),,$(error $(cfg)/models/$m.toml asks for the network $(call wanted,$m), which this version does not have: it has $(networks))))
ifneq ($(pretrained),)
$(if $(WEIGHTS),,$(error $(pretrained) start from pretrained weights: give WEIGHTS=DIR with $(pretrained:%=%.safetensors), or WEIGHTS=none to train from scratch))
ifneq ($(WEIGHTS),none)
$(foreach m,$(pretrained),$(if $(wildcard $(WEIGHTS)/$m.safetensors),,$(error $(WEIGHTS)/$m.safetensors is missing: README.md says how to make it, WEIGHTS=none trains from scratch)))
endif
endif
endif
ifneq ($(reads),)
$(foreach d,$(extra),$(foreach f,train.csv train,$(if $(wildcard $d/$f),,$(error EXTRA=$d has no $f: expected a folder with a table and pictures, see docs/data.md))))
ifneq ($(data),)
$(foreach f,train.csv train test sample_submission.csv,$(if $(wildcard $(data)/$f),,$(error DATA=$(DATA) has no $f: expected Kaggle's layout, see docs/data.md)))
else
$(if $(wildcard $(cfg)/synth.toml),,$(error PIPELINE=$(PIPELINE) draws no data: give DATA=DIR in Kaggle's layout, see docs/data.md))
endif
endif

# In a rule whose stem is MODEL/fold-F: the weights to start from.
weights_file = $(if $(filter $(*D),$(pretrained)),$(if $(filter none,$(WEIGHTS)),,$(WEIGHTS)/$(*D).safetensors))

# ---- what you can ask for --------------------------------------------------

.PHONY: help all apply preprocess split train predict threshold ensemble report \
  test check check-cuda check-cuda-programs cuda check-gpu check-fake-gpu bench-gpu check-learning check-shuffled audit sanitize realism fuzz bench bench-train bench-preprocess bench-threshold why vouch retrain clean clean-all

help: ## list these targets
	@echo 'usage: make TARGET [PIPELINE=quick] [DATA=DIR] [DEVICE=auto] [RUN=NAME] [THREADS=N] [-j2]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' Makefile benches/quality/quality.mk
	@echo 'pipelines: $(notdir $(wildcard $(PIPELINES)/*))'

all: $(page) $(scores) ## everything, from pictures to submissions and report
preprocess: $(train_images) $(test_images) $(train_statistics) $(test_statistics) ## PNGs to Parquet shards
split: $(folds) $(twins) ## folds that balance the labels and keep duplicates together
train: $(checkpoints) ## one checkpoint per model and fold
predict: $(foreach m,$(models),$(out)/predictions/$m/oof.parquet $(out)/predictions/$m/test.parquet) ## out-of-fold and test probabilities of each model
threshold: $(thresholds) ## one decision threshold per label
ensemble: $(foreach e,$(ensembles),$(out)/predictions/$e/oof.parquet $(out)/predictions/$e/test.parquet) ## probabilities of each ensemble
report: $(page) $(scores) ## the page, the table of scores and what they need

why: ## what `make all` would run next, and because of which file
	@$(MAKE) --dry-run all PIPELINE=$(PIPELINE) DATA=$(DATA) RUN=$(RUN) WEIGHTS=$(WEIGHTS) >/dev/null
	@$(MAKE) --dry-run --debug=basic all PIPELINE=$(PIPELINE) DATA=$(DATA) RUN=$(RUN) WEIGHTS=$(WEIGHTS) \
	  | sed -nE "s/^ *(Prerequisite '(crates|pipelines|Cargo|data|$(subst /,\/,$(PIPELINES)))[^']*' is newer than target '[^']*').*/\1/p; s/^ *(File '[^']*\/[^']*' does not exist).*/\1/p" \
	  | awk '!seen[$$0]++' | grep . || echo 'nothing to do'

vouch: $(bins) ## declare the results on disk good for the present code
	@now=$$(date +@%s.%N); find $(out) -type f -exec touch -d "$$now" {} +

retrain: ## train anew in spite of existing checkpoints
	rm -rf $(out)/models $(out)/resume
	$(MAKE) train

clean: ## remove what is derived of RUN; raw data, checkpoints and resume state stay
	@if [ -d $(out) ]; then find $(out) -name '.*.partial' -delete; fi
	rm -rf $(out)/labels.parquet $(out)/test-labels.parquet $(out)/images $(out)/folds.parquet \
	  $(out)/statistics $(out)/duplicates \
	  $(out)/predictions $(out)/thresholds $(out)/submissions $(out)/report $(out)/realism $(out)/apply \
	  $(out)/rates $(out)/events $(out)/quality $(out)/ablation

clean-all: ## remove all of RUN, checkpoints too
	rm -rf $(out)

print-%: # show any variable: make print-checkpoints
	@printf '%s\n' $($*)

# ---- binaries --------------------------------------------------------------
# cargo's .d files name the exact sources of each binary, so editing one stage
# reruns that stage and what follows. When a change cannot matter: make vouch.

nets := train predict
cuda_bins := $(nets:%=$(cuda_bin)/hpa-%)
empty :=
cuda_features := $(subst $(empty) $(empty),$(shell printf ,),$(nets:%=hpa-%/cuda))
-include $(wildcard $(bins:=.d) $(cuda_bins:=.d))

$(bins): $(bin)/%: Cargo.lock Cargo.toml rust-toolchain.toml
	cargo build --release --locked --bin $*
	@touch $@

# The two programs that compute with networks, able to do so on a graphics card.
$(cuda_target)/env.sh: $(wildcard tools/cuda/*) Cargo.lock
	tools/cuda/toolkit.sh $(@D)

$(cuda_bins) &: $(cuda_target)/env.sh Cargo.lock Cargo.toml rust-toolchain.toml
	. $<; cargo build --release --locked --target-dir $(cuda_target) --workspace \
	  $(nets:%=--bin hpa-%) --features $(cuda_features)
	@touch $(cuda_bins)

# A source that was removed must not stop Make: its binary is then built anew.
crates/%.rs: ;

# ---- stages ----------------------------------------------------------------

# A choice of the user's that no file's time tells of: made anew when it differs from the last.
define choice
$1: ; @mkdir -p $$(@D) && printf '%s\n' '$2' > $$@
ifneq ($$(file <$1),$2)
.PHONY: $1
endif
endef
choices := $(out)/choices

ifeq ($(applying),)
$(eval $(call choice,$(choices)/data,$(data)))
$(eval $(call choice,$(choices)/extra,$(extra)))
$(eval $(call choice,$(choices)/weights,$(WEIGHTS)))
$(eval $(call choice,$(choices)/duplicates,$(DUPLICATES)))

ifeq ($(data),)
$(out)/raw/train.csv $(out)/raw/sample_submission.csv $(out)/raw/test_labels.csv &: $(cfg)/synth.toml $(bin)/hpa-synth
	$(bin)/hpa-synth --config $< --out $(out)/raw $(share)
endif

$(labels): $(train_tables) $(choices)/data $(choices)/extra $(bin)/hpa-labels
	$(bin)/hpa-labels --csv $(train_tables) --out $@

$(out)/test-labels.parquet: $(raw)/test_labels.csv $(choices)/data $(bin)/hpa-labels
	$(bin)/hpa-labels --csv $< --out $@

# The stem is I-of-N with leading zeros; --shard wants I/N.
shard = $(shell printf '%s' '$1' | sed -E 's|0*([0-9]+)-of-0*([0-9]+)|\1/\2|')

# A folder's time moves when a picture is added or removed.
$(train_images): $(out)/images/train-%.parquet: $(train_tables) $(choices)/data $(choices)/extra $(if $(data),$(data)/train) $(extra:%=%/train) $(cfg)/preprocess.toml $(bin)/hpa-preprocess
	$(bin)/hpa-preprocess --config $(cfg)/preprocess.toml --csv $(train_tables) --images $(train_folders) --shard $(call shard,$*) --out $@ $(share)

$(test_images): $(out)/images/test-%.parquet: $(raw)/sample_submission.csv $(choices)/data $(if $(data),$(data)/test) $(cfg)/preprocess.toml $(bin)/hpa-preprocess
	$(bin)/hpa-preprocess --config $(cfg)/preprocess.toml --csv $< --images $(raw)/test --shard $(call shard,$*) --out $@ $(share)

$(train_statistics): $(train_images) $(bin)/hpa-statistics
	$(bin)/hpa-statistics --images $(train_images) --out $@ $(share)

$(test_statistics): $(test_images) $(train_statistics) $(bin)/hpa-statistics
	$(bin)/hpa-statistics --images $(test_images) --reference $(train_statistics) --out $@ $(share)

$(twins) &: $(labels) $(train_images) $(test_images) $(cfg)/split.toml $(DUPLICATES) $(choices)/duplicates $(bin)/hpa-split
	$(bin)/hpa-split --config $(cfg)/split.toml --labels $(labels) --images $(train_images) \
	  --test-images $(test_images) $(if $(DUPLICATES),--duplicates $(DUPLICATES)) \
	  --out-groups $(firstword $(twins)) --out-leaks $(lastword $(twins)) $(share)

$(folds): $(labels) $(train_images) $(cfg)/split.toml $(DUPLICATES) $(choices)/duplicates $(bin)/hpa-split
	$(bin)/hpa-split --config $(cfg)/split.toml --labels $(labels) --images $(train_images) \
	  $(if $(DUPLICATES),--duplicates $(DUPLICATES)) --out $@ $(share)

# Checkpoints cost days: they depend on the recipe's version, not on every line of hpa-train.
# The stem is MODEL/fold-F: $(*D) is MODEL, $(*F) is fold-F.
$(out)/models/%.safetensors $(out)/models/%.history.parquet: $(train_images) $(labels) $(folds) \
    $(cfg)/models/$$(*D).toml $$(weights_file) $(choices)/weights crates/stages/train/recipe-version | $(net_bin)/hpa-train
	$(gpu) $(net_bin)/hpa-train --config $(cfg)/models/$(*D).toml --images $(train_images) --labels $(labels) \
	  --folds $(folds) --fold $(patsubst fold-%,%,$(*F)) --device $(DEVICE) $(addprefix --weights ,$(weights_file)) \
	  --resume-dir $(out)/resume/$* --out $(out)/models/$*.safetensors \
	  --out-history $(out)/models/$*.history.parquet $(share) \
	  $(if $(EVENTS),--out-events $(out)/events/$*/events.out.tfevents.0)

$(models:%=$(out)/predictions/%/oof.parquet): $(out)/predictions/%/oof.parquet: $$(call checkpoints_of,$$*) \
    $(train_images) $(folds) $(cfg)/predict.toml $(net_bin)/hpa-predict
	$(gpu) $(net_bin)/hpa-predict --config $(cfg)/predict.toml --model $(call checkpoints_of,$*) \
	  --images $(train_images) --folds $(folds) --device $(DEVICE) --out $@ $(share)

$(models:%=$(out)/predictions/%/test.parquet): $(out)/predictions/%/test.parquet: $$(call checkpoints_of,$$*) \
    $(test_images) $(cfg)/predict.toml $(net_bin)/hpa-predict
	$(gpu) $(net_bin)/hpa-predict --config $(cfg)/predict.toml --model $(call checkpoints_of,$*) \
	  --images $(test_images) --device $(DEVICE) --out $@ $(share)

$(ensembles:%=$(out)/predictions/%/oof.parquet) $(ensembles:%=$(out)/predictions/%/test.parquet): \
    $(out)/predictions/%.parquet: $(cfg)/ensembles/$$(*D).toml $$(call member_files,$$(*D),$$(*F).parquet) \
    $$(call member_thresholds,$$(*D)) $(bin)/hpa-ensemble
	$(bin)/hpa-ensemble --config $< --predictions $(call member_files,$(*D),$(*F).parquet) \
	  $(addprefix --thresholds ,$(call member_thresholds,$(*D))) --out $@

# The folds name the groups of duplicates that the intervals resample.
$(thresholds): $(out)/thresholds/%.parquet: $(cfg)/threshold.toml $(labels) $(folds) \
    $(out)/predictions/$$(*D)/oof.parquet $(bin)/hpa-threshold
	$(bin)/hpa-threshold --config $< --method $(call method_of,$(*F)) \
	  --predictions $(out)/predictions/$(*D)/oof.parquet --labels $(labels) --folds $(folds) --out $@ $(share)

$(submissions): $(out)/submissions/%.csv: $(raw)/sample_submission.csv $(choices)/data $(out)/predictions/%/test.parquet \
    $(out)/thresholds/%/$$(call submit_of,$$*).parquet $(bin)/hpa-submit
	$(bin)/hpa-submit --predictions $(out)/predictions/$*/test.parquet \
	  --thresholds $(out)/thresholds/$*/$(call submit_of,$*).parquet --template $< --out $@

# The last recipe of `make all`: prints the scores and where to look.
# Checkpoints stand before histories: a dry run believes only in the first of a rule's two files.
$(page) $(scores) &: $(labels) $(test_labels) $(folds) $(checkpoints) $(histories) $(predictions) $(thresholds) \
    $(train_images) $(test_images) $(test_statistics) $(twins) $(submissions) $(wildcard $(cfg)/models $(cfg)/ensembles) $(bin)/hpa-report
	$(bin)/hpa-report --labels $(labels) $(addprefix --test-labels ,$(test_labels)) --folds $(folds) \
	  --history $(histories) --predictions $(predictions) --thresholds $(thresholds) \
	  --images $(train_images) $(test_images) --out $(page) --out-scores $(scores) $(share)
	@printf 'submission  %s\n' $(submissions)
endif

# ---- new images, no training -----------------------------------------------
# Works with the checkpoints and thresholds that RUN has; everything goes to RUN/apply/NAME.

ifneq ($(applying),)
$(if $(data),,$(error apply needs DATA=DIR, a folder with test/))
$(if $(wildcard $(data)/test),,$(error DATA=$(DATA) has no folder test))
missing := $(strip $(foreach f,$(checkpoints) $(thresholds),$(if $(wildcard $f),,$f)))
$(if $(missing),$(error $(out) has no $(firstword $(missing)): run `make all PIPELINE=$(PIPELINE)` first))

new := $(out)/apply/$(notdir $(data))
new_images := $(new)/images/test-00000-of-00001.parquet
new_submissions := $(patsubst %,$(new)/submissions/%.csv,$(models) $(ensembles))
template := $(or $(wildcard $(data)/sample_submission.csv),$(new)/sample_submission.csv)

$(eval $(call choice,$(new)/choices/data,$(data)))

new_statistics := $(if $(wildcard $(train_statistics)),$(new)/statistics/test.parquet)

apply: $(new_submissions) $(new_statistics) ## label new images: DATA=DIR with test/, RUN=a trained run

# Without a template every sample of test/ is wanted.
$(new)/sample_submission.csv: $(data)/test $(new)/choices/data
	@mkdir -p $(@D)
	{ echo Id,Predicted; for f in $</*_green.*; do f=$${f##*/}; echo "$${f%_green.*},"; done; } > $@.partial
	mv $@.partial $@

$(new_images): $(template) $(data)/test $(new)/choices/data $(cfg)/preprocess.toml $(bin)/hpa-preprocess
	$(bin)/hpa-preprocess --config $(cfg)/preprocess.toml --csv $< --images $(data)/test --out $@ $(share)

$(new)/statistics/test.parquet: $(new_images) $(bin)/hpa-statistics
	$(bin)/hpa-statistics --images $< --reference $(train_statistics) --out $@ $(share)

$(models:%=$(new)/predictions/%/test.parquet): $(new)/predictions/%/test.parquet: $(new_images) \
    $(cfg)/predict.toml $$(call checkpoints_of,$$*) $(net_bin)/hpa-predict
	$(gpu) $(net_bin)/hpa-predict --config $(cfg)/predict.toml --model $(call checkpoints_of,$*) --images $< \
	  --device $(DEVICE) --out $@ $(share)

new_member_files = $(foreach m,$(call members_of,$1),$(new)/predictions/$m/test.parquet)
$(ensembles:%=$(new)/predictions/%/test.parquet): $(new)/predictions/%/test.parquet: $(cfg)/ensembles/%.toml \
    $$(call new_member_files,$$*) $(bin)/hpa-ensemble
	$(bin)/hpa-ensemble --config $< --predictions $(call new_member_files,$*) \
	  $(addprefix --thresholds ,$(call member_thresholds,$*)) --out $@

$(new_submissions): $(new)/submissions/%.csv: $(template) $(new)/choices/data $(new)/predictions/%/test.parquet $(bin)/hpa-submit
	$(bin)/hpa-submit --predictions $(new)/predictions/$*/test.parquet \
	  --thresholds $(out)/thresholds/$*/$(call submit_of,$*).parquet --template $< --out $@
	@printf 'submission  %s\n' $@
endif

include benches/quality/quality.mk

# ---- quality ---------------------------------------------------------------

# A test must see the same environment with and without Make around it.
test: ## all tests
	env -u HPA_MAKE cargo test --release --workspace --locked

# Memory errors in the unsafe code of the kernels and of the tests that drive it. The sanitiser is the
# compiler's own, but asking for it is a feature of the nightly toolchain that RUSTC_BOOTSTRAP opens.
sanitize: ## the engine's tests under AddressSanitizer (a cold build, some minutes)
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/sanitize \
	  cargo test --release --locked --target $(shell rustc -vV | sed -n 's/^host: //p') -p hpa-ops --lib --tests

audit: ## where every dependency comes from and under which licence
	cargo test --release --locked --workspace --test supply_chain
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check bans licenses sources; \
	else echo 'cargo-deny is not installed: bans, licences and sources were checked by the test above'; fi

cuda: $(cuda_bins) ## hpa-train and hpa-predict for graphics cards, with CUDA_HOME's compiler or one from PyPI

# In a folder of its own: nvcc-check leaves empty kernels behind, which nothing may link.
cuda_crates := hpa-ops hpa-nn hpa-train hpa-predict
check-cuda: ## lints of the feature cuda, on a machine without CUDA
	NVCC=$(CURDIR)/tools/cuda/nvcc-check CUDA_COMPUTE_CAP=80 CUDARC_CUDA_VERSION=13000 \
	  cargo clippy --release --locked --target-dir $(cuda_target)-check $(cuda_crates:%=-p %) \
	  --all-targets --features cuda -- -D warnings

# The peers live in environments of their own, outside the repository; BENCH_PYTHON names another.
# Some rows only, and seconds a row: make bench-train ROWS="train-resnet18-128-b32 kernels" SECONDS=60
ROWS ?=
XDG_CACHE_HOME ?=
bench_env := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hpa-bench
BENCH_PYTHON ?= $(bench_env)/train/bin/python
BENCH_GPU_PYTHON ?= $(bench_env)/gpu/bin/python

check-cuda-programs: $(cuda_bins) ## the programs of make cuda start without CUDA and say what is missing
	cargo test --release --locked --workspace --test cuda -- --include-ignored

# What is run on a machine with a card, perhaps after it was carried there: programs without files.
gpu_checks := $(addprefix $(cuda_target)/release/examples/,check_gpu_ops check_gpu gpu_speed)
$(gpu_checks) &: $(cuda_target)/env.sh Cargo.lock $(wildcard crates/libs/*/src/*.rs crates/libs/*/src/*/*.rs \
    crates/libs/*/src/*/*/*.rs crates/libs/*/examples/*/*.rs crates/libs/ops/kernels/*)
	. $<; cargo build --release --locked --target-dir $(cuda_target) -p hpa-ops -p hpa-nn --examples --features cuda
	@touch $(gpu_checks)

check-gpu: $(gpu_checks) ## on a graphics card: every operation, 200 training steps, a full card (ten minutes)
	$(cuda_target)/release/examples/check_gpu_ops --device $(if $(filter cpu,$(DEVICE)),cpu,cuda)
	$(cuda_target)/release/examples/check_gpu --device $(if $(filter cpu,$(DEVICE)),cpu --steps 12 --px 32 --batch 4,cuda)

# The same operations on the emulated GPU: no driver, no CUDA libraries.
check-fake-gpu: $(cuda_target)/release/examples/check_gpu_ops ## every operation through CUDA's interfaces, on an emulated GPU
	cargo run --release --locked -p hpa-ops --features emulator --example emulated_gpu -- $(abspath $(cuda_target))/fake-gpu
	LD_LIBRARY_PATH=$(abspath $(cuda_target))/fake-gpu $(cuda_target)/release/examples/check_gpu_ops --rounds 2

# DEVICE=cpu shows at tiny sizes that the harness works; its figures go elsewhere.
bench-gpu: $(gpu_checks) $(if $(filter $(bench_env)/%,$(BENCH_GPU_PYTHON)),$(bench_env)/gpu/ready) ## training on a graphics card against PyTorch (ROWS; BENCH_GPU_PYTHON has PyTorch for CUDA)
	$(BENCH_GPU_PYTHON) -B benches/gpu/run.py --ours $(cuda_target)/release/examples/gpu_speed \
	  --device $(if $(filter cpu,$(DEVICE)),cpu,cuda) --out $(RUNS)/bench/gpu$(if $(filter cpu,$(DEVICE)),-dry).json \
	  --report $(RUNS)/bench/gpu$(if $(filter cpu,$(DEVICE)),-dry).md $(if $(ROWS),--rows $(ROWS))

$(bench_env)/gpu/ready: benches/gpu/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet -r $<
	cp $< $@

# The drawings of quick with the Target column shuffled: nothing to learn.
$(RUNS)/shuffled/train.csv: $(RUNS)/quick/raw/train.csv
	@mkdir -p $(@D)
	ln -sfn $(abspath $(RUNS)/quick/raw/train) $(@D)/train
	ln -sfn $(abspath $(RUNS)/quick/raw/test) $(@D)/test
	cp $(RUNS)/quick/raw/sample_submission.csv $(RUNS)/quick/raw/test_labels.csv $(@D)
	{ head -n 1 $<; paste -d , <(tail -n +2 $< | cut -d , -f 1) \
	  <(tail -n +2 $< | cut -d , -f 2 | shuf --random-source=<(yes)); } > $@.partial
	mv $@.partial $@

check-learning: ## quick learns, and its thresholds pay (ten minutes)
	$(MAKE) all PIPELINE=quick RUN=quick DATA=
	cargo test --release --locked --workspace --test learning -- --ignored --nocapture quick

check-shuffled: ## nothing is learnt from shuffled labels (twenty minutes)
	$(MAKE) all PIPELINE=quick RUN=quick DATA=
	$(MAKE) $(RUNS)/shuffled/train.csv PIPELINE=quick RUN=quick DATA=
	$(MAKE) all PIPELINE=quick DATA=$(RUNS)/shuffled RUN=quick-shuffled
	cargo test --release --locked --workspace --test learning -- --ignored --nocapture shuffled

bench: bench-train bench-preprocess bench-threshold ## ratios against the peers, into data/bench (half an hour)

bench-threshold: $(addprefix $(bin)/,hpa-threshold hpa-labels hpa-import) ## hpa-threshold against NumPy and SciPy (needs Python 3 and HPA_SHARED)
	benches/threshold/venv.sh $(bench_env)/threshold
	$(bench_env)/threshold/bin/python -B benches/threshold/run.py --programs $(bin) \
	  --shared $(or $(HPA_SHARED),../shared) --out $(RUNS)/bench/threshold.json $(ROWS)

$(bench_env)/train/ready: benches/train/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet -r $<
	cp $< $@

# Whether a row was asked for: all are where none is named.
row = $(if $(ROWS),$(filter $1,$(ROWS)),$1)
bench-train: $(addprefix $(bin)/hpa-,train synth preprocess labels split)
bench-train: $(if $(filter $(bench_env)/%,$(BENCH_PYTHON)),$(bench_env)/train/ready) ## training and evaluation against PyTorch and ONNX Runtime, into docs/performance.md too (ROWS, SECONDS a row)
	cargo build --release --locked --workspace --example speed --example layers
	$(if $(filter-out kernels,$(or $(ROWS),all)),$(BENCH_PYTHON) -B benches/train/run.py --ours $(bin)/examples/speed --programs $(bin) \
	  --out $(RUNS)/bench/train.json --document docs/performance.md \
	  --rows $(filter-out kernels,$(ROWS)) --threads $(THREADS) --budget $(SECONDS))
	$(if $(call row,kernels),mkdir -p $(RUNS)/bench; { $(bin)/examples/layers 128 16 5 f32; \
	  if grep -qw avx512_bf16 /proc/cpuinfo; then echo; $(bin)/examples/layers 128 16 5 bf16; fi; } > $(RUNS)/bench/kernels.md; \
	  $(BENCH_PYTHON) -B benches/train/document.py docs/performance.md kernels < $(RUNS)/bench/kernels.md)

bench_python = $(bench_env)/preprocess/bin/python

bench-preprocess: $(bin)/hpa-preprocess $(bin)/hpa-labels $(bin)/hpa-split $(bin)/hpa-synth ## hpa-preprocess and hpa-split against OpenCV, pyarrow and iterative-stratification
	cargo build --release --locked --workspace --example lower_bound --example near_duplicates
	python3 -m venv $(bench_env)/preprocess
	$(bench_python) -m pip install --quiet --requirement benches/preprocess/requirements.txt
	@if [ -f $(REAL)/train.csv ]; then samples=$(REAL); else \
	  echo 'no real samples in $(REAL) (set HPA_SHARED): drawn ones are measured' >&2; \
	  samples=$(RUNS)/bench/raw; $(bin)/hpa-synth --config benches/preprocess/synth.toml --out $$samples; fi; \
	$(bench_python) benches/preprocess/run.py --bin $(bin) --samples $$samples \
	  --tables $(or $(HPA_SHARED),../shared)/data/kaggle-tables --out $(RUNS)/bench/preprocess.json

fuzz: ## feed every reader with damaged files, SECONDS=60 each (needs cargo-fuzz and a C++ compiler)
	@command -v $${CXX:-c++} >/dev/null || { echo 'a C++ compiler is missing, which libFuzzer is built by: install g++ or clang, or set CXX' >&2; exit 1; }
	@cargo fuzz --version >/dev/null 2>&1 || { echo 'cargo-fuzz is missing: installing it by cargo install'; \
	  cargo install --locked cargo-fuzz; }
	@for target in $$(cargo fuzz list); do echo "fuzz $$target"; mkdir -p fuzz/target/corpus/$$target; \
	  cargo fuzz run --sanitizer none $$target fuzz/target/corpus/$$target fuzz/corpus/$$target -- \
	    -max_total_time=$(SECONDS) -timeout=20 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
	    -verbosity=0 || exit 1; done

# Drawn cells teach, real cells examine: mean AUC over the labels with three positives.
real := $(out)/realism
real_predictions := $(models:%=$(real)/predictions/%/test.parquet)

realism: $(real)/score.json ## how well networks that saw only drawings read the real samples in REAL (PIPELINE=realism)
	@cat $<

$(real)/labels.parquet: $(REAL)/train.csv $(REAL)/test_labels.csv $(bin)/hpa-labels
	$(bin)/hpa-labels --csv $(REAL)/train.csv --csv $(REAL)/test_labels.csv --out $@

$(real)/images/train.parquet $(real)/images/test.parquet: $(real)/images/%.parquet: $(REAL)/% \
    $(cfg)/preprocess.toml $(bin)/hpa-preprocess
	$(bin)/hpa-preprocess --config $(cfg)/preprocess.toml --images $< --out $@ $(share) \
	  --csv $(if $(filter train,$*),$(REAL)/train.csv,$(REAL)/test_labels.csv)

$(real_predictions): $(real)/predictions/%/test.parquet: $$(call checkpoints_of,$$*) $(real)/images/train.parquet \
    $(real)/images/test.parquet $(cfg)/predict.toml $(net_bin)/hpa-predict
	$(gpu) $(net_bin)/hpa-predict --config $(cfg)/predict.toml --model $(call checkpoints_of,$*) \
	  --images $(filter $(real)/images/%,$^) --device $(DEVICE) --out $@ $(share)

$(real)/predictions/average/test.parquet: $(real_predictions) $(bin)/hpa-ensemble
	$(bin)/hpa-ensemble --method average --predictions $(real_predictions) --out $@

$(real)/score.json: $(real)/predictions/average/test.parquet $(real)/labels.parquet $(bin)/hpa-score
	$(bin)/hpa-score --predictions $< --labels $(real)/labels.parquet --metric mean-auc --min-positives 3 --json > $@.partial
	mv $@.partial $@

check: ## what must pass before a commit: format, lints, tests, dependency audit
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings
	$(MAKE) check-cuda
	$(MAKE) test
	$(MAKE) audit

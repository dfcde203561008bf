# Names derived from the settings of the Makefile, and refusals of settings that cannot work.

MAKEFLAGS     += --no-builtin-rules --warn-undefined-variables --output-sync=line
SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.SECONDEXPANSION:

# ---- renamed settings and goals ---------------------------------------------

renamed := EXTRA=EXTRA_TRAIN REAL=REAL_SAMPLES EVENTS=TENSORBOARD ROWS=BENCH_ROWS SECONDS=FUZZ_SECONDS-or-BENCH_SECONDS
$(foreach r,$(renamed),$(foreach old,$(firstword $(subst =, ,$r)),$(if $(filter command,$(origin $(old))),\
  $(error $(old) is now $(lastword $(subst =, ,$r))))))
$(foreach r,vouch=touch realism=sim-to-real,$(if $(filter $(firstword $(subst =, ,$r)),$(MAKECMDGOALS)),\
  $(error `make $(firstword $(subst =, ,$r))` is now `make $(lastword $(subst =, ,$r))`)))
$(if $(filter realism,$(PIPELINE)),$(error PIPELINE=realism is now PIPELINE=sim-to-real))

# ---- the run ----------------------------------------------------------------

goals    := $(or $(MAKECMDGOALS),help)
applying := $(filter apply,$(goals))
data     := $(patsubst %/,%,$(DATA))
extra    := $(patsubst %/,%,$(EXTRA_TRAIN))

own_run := $(PIPELINE)$(if $(data),-$(notdir $(data)))
# The folder of the run below RUNS. `apply` takes the run trained on DATA, or else the pipeline's.
RUN ?= $(if $(applying),$(if $(wildcard $(RUNS)/$(own_run)/models),$(own_run),$(PIPELINE)),$(own_run))

$(foreach v,RUN PIPELINE,$(if $(and $(filter-out . ..,$($v)),$(if $(word 2,$($v)),,word),$(if $(findstring /,$($v)),,flat)),,\
  $(error $v='$($v)': expected the name of one folder, without a slash or a space)))
$(if $(filter auto cpu cuda,$(DEVICE)),,$(error DEVICE=$(DEVICE): expected auto, cpu or cuda))
$(if $(word 2,$(DATA)),$(error DATA='$(DATA)': Make cannot follow paths with spaces: rename the folder, or link to it))

cfg := $(PIPELINES)/$(PIPELINE)
out := $(RUNS)/$(RUN)
raw := $(or $(data),$(out)/raw)
# Relative inside of the workspace, as in cargo's .d files.
bin := $(patsubst $(CURDIR)/%,%,$(abspath $(CARGO_TARGET_DIR)))/release

# The `make` command that error messages of the programs tell people to run.
unusual = $(foreach v,EXTRA_TRAIN DUPLICATES RUNS PIPELINES,$(if $(filter command environment,$(origin $v)),$v=$(if $(word 2,$($v)),'$($v)',$($v))))
export HPA_MAKE := make$(if $(applying), apply) PIPELINE=$(PIPELINE)$(if $(data), DATA=$(data))$(if \
  $(WEIGHTS), WEIGHTS=$(WEIGHTS)) RUN=$(RUN)$(addprefix  ,$(strip $(unusual)))

comma := ,
# Python environments of the benchmarks, outside of the repository.
XDG_CACHE_HOME       ?=
CUDA_VISIBLE_DEVICES ?=
bench_env := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hpa-bench

# ---- the pipeline -----------------------------------------------------------
# A model is a file in models/, an ensemble a file in ensembles/. What Make itself needs is in
# pipeline.mk: size_px, n_folds, train_shards, test_shards, threshold_methods, submission_method,
# members.ENSEMBLE where not all models are members, and decision_ensembles, which join decisions
# in place of probabilities.

models    := $(sort $(basename $(notdir $(wildcard $(cfg)/models/*.toml))))
ensembles := $(sort $(basename $(notdir $(wildcard $(cfg)/ensembles/*.toml))))

size_px      :=
n_folds  := 2
train_shards := 1
test_shards  := 1
threshold_methods  :=
submission_method  :=
decision_ensembles :=
without_pipeline := help check test audit sanitize fuzz cuda bench bench-% check-%
ifneq ($(wildcard $(cfg)/pipeline.mk),)
include $(cfg)/pipeline.mk
else
$(if $(filter-out $(without_pipeline),$(goals)),$(error PIPELINE=$(PIPELINE) does not exist: there are $(notdir $(patsubst %/pipeline.mk,%,$(wildcard $(PIPELINES)/*/pipeline.mk)))))
endif

# ---- files of the run -------------------------------------------------------

# $(call shards,N): the names of N shards, 00000-of-0000N and so on.
shards   = $(shell seq -f '%05.0f-of-$(shell printf %05d $1)' 0 $$(($1 - 1)))
fold_ids := $(shell seq 0 $$(($(n_folds) - 1)))

train_images     := $(patsubst %,$(out)/images/train-%.parquet,$(call shards,$(train_shards)))
test_images      := $(patsubst %,$(out)/images/test-%.parquet,$(call shards,$(test_shards)))
train_statistics := $(out)/statistics/train.parquet
test_statistics  := $(out)/statistics/test.parquet
labels           := $(out)/labels.parquet
folds            := $(out)/folds.parquet
# Groups of duplicates in the training part, and test samples that show a training field.
duplicate_lists  := $(out)/duplicates/train.csv $(out)/duplicates/leaks.csv
page             := $(out)/report/index.html
scores           := $(out)/report/scores.parquet
test_labels      := $(if $(data),$(patsubst %,$(out)/test-labels.parquet,$(wildcard $(data)/test_labels.csv)),$(out)/test-labels.parquet)

checkpoints_of   = $(fold_ids:%=$(out)/models/$1/fold-%.safetensors)
prediction_files = $(foreach n,$1,$(out)/predictions/$n/oof.parquet $(out)/predictions/$n/test.parquet)
members_of       = $(or $(if $(filter undefined,$(origin members.$1)),,$(members.$1)),$(models))
# Decisions are 0 or 1, so that one threshold serves.
methods_of       = $(if $(filter $1,$(decision_ensembles)),fixed:0.5,$(threshold_methods))
submission_of    = $(if $(filter $1,$(decision_ensembles)),fixed:0.5,$(submission_method))
# The method fixed:0.5 has the file fixed-0.5.parquet.
thresholds_of    = $(patsubst %,$(out)/thresholds/$1/%.parquet,$(subst :,-,$(call methods_of,$1)))
submission_thresholds = $(out)/thresholds/$1/$(subst :,-,$(call submission_of,$1)).parquet
method_of_file   = $(subst fixed-,fixed:,$(basename $(notdir $1)))

checkpoints := $(foreach m,$(models),$(call checkpoints_of,$m))
histories   := $(checkpoints:.safetensors=.history.parquet)
thresholds  := $(foreach n,$(models) $(ensembles),$(call thresholds_of,$n))
submissions := $(patsubst %,$(out)/submissions/%.csv,$(models) $(ensembles))

# ---- data that must be there ------------------------------------------------

trains := $(filter all train predict threshold ensemble report retrain sim-to-real $(out)/models/% $(out)/predictions/%,$(goals))
# Building for a GPU takes minutes; the programs know the finer reasons.
$(if $(and $(trains)$(applying),$(filter cuda,$(DEVICE))),$(if $(wildcard /dev/nvidiactl /dev/dxg),,\
  $(error DEVICE=cuda: this machine has no NVIDIA GPU with a driver (no /dev/nvidiactl): use DEVICE=auto or DEVICE=cpu)))
ifneq ($(trains)$(filter preprocess split,$(goals)),)
$(foreach d,$(extra),$(foreach f,train.csv train,$(if $(wildcard $d/$f),,\
  $(error EXTRA_TRAIN=$d has no $f: expected a folder with a table and images, see docs/data.md))))
ifneq ($(data),)
$(foreach f,train.csv train test sample_submission.csv,$(if $(wildcard $(data)/$f),,\
  $(error DATA=$(DATA) has no $f: expected Kaggle's layout, see docs/data.md)))
else
$(if $(wildcard $(cfg)/synth.toml),,$(error PIPELINE=$(PIPELINE) draws no data: give DATA=DIR in Kaggle's layout, see docs/data.md))
endif
endif

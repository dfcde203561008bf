# The stages: one command each, and the rules that make a run's files with them.
#
# A command takes its inputs from the prerequisites of the rule that it serves, by their names, so
# that training runs, `apply`, sim-to-real and the benchmarks share it. The argument of a command
# is what no prerequisite says.

Q    := $(if $(V),,@)
# $(call step,TEXT): the one line that a recipe prints.
step = $(info $1  $(RUN))

# With -jN each recipe gets its share of the threads.
jobs    = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),1)
threads = --threads $(shell echo $$(( $(THREADS) > $(jobs) ? $(THREADS) / $(jobs) : 1 )))
# $(call config,NAME): the settings of a program, where the pipeline has any.
config  = $(patsubst %,--config %,$(wildcard $(cfg)/$1.toml))
# Prerequisites by kind: $(call in_folder,NAME) are the tables of a folder, $(call in_folders,NAME) of its subfolders.
folder     = $(notdir $(patsubst %/,%,$(dir $1)))
in_folder  = $(foreach f,$(filter %.parquet,$^),$(if $(filter $1,$(call folder,$f)),$f))
in_folders = $(foreach f,$(filter %.parquet,$^),$(if $(filter $1,$(call folder,$(patsubst %/,%,$(dir $f)))),$f))
csvs             = $(filter %.csv,$^)
shards_in        = $(call in_folder,images)
models_in        = $(filter %.safetensors,$^)
probabilities_in = $(call in_folders,predictions)
thresholds_in    = $(call in_folders,thresholds)
folds_in         = $(filter %/folds.parquet,$^)
# The stem 00003-of-00008 is --shard 3/8.
shard_of = $(shell echo '$1' | sed -E 's|0*([0-9]+)-of-0*([0-9]+)|\1/\2|')

# ---- commands ---------------------------------------------------------------

synth      = $(bin)/hpa-synth --config $< --out $1 $(threads)
labels_of  = $(bin)/hpa-labels --csv $(csvs) --out $@
preprocess = $(bin)/hpa-preprocess $(call config,preprocess) --size-px $(size_px) --csv $(csvs) --images $1 $(addprefix --shard ,$2) --out $@ $(threads)
statistics = $(bin)/hpa-statistics --images $(shards_in) $(addprefix --reference ,$(filter $(train_statistics),$^)) --out $@ $(threads)
split      = $(bin)/hpa-split --config $(cfg)/split.toml --folds $(n_folds) --labels $(labels) --images $(train_images) \
  $(addprefix --duplicates ,$(DUPLICATES)) $1 $(threads)
# $(call train,CONFIG,FOLD,RESUME,OUT[,FLAGS])
train      = $(gpu) $(net_bin)/hpa-train --config $1 --images $(train_images) --labels $(labels) --folds $(folds) --fold $2 \
  --device $(DEVICE) --resume-dir $3 --out $4 $5 $(threads)
predict    = $(gpu) $(net_bin)/hpa-predict $(or $1,$(call config,predict)) --model $(models_in) --images $(shards_in) \
  $(addprefix --folds ,$(folds_in)) --device $(DEVICE) --out $@ $(threads)
ensemble   = $(bin)/hpa-ensemble $1 --predictions $(probabilities_in) $(addprefix --thresholds ,$(thresholds_in)) --out $@
threshold  = $(bin)/hpa-threshold $(call config,threshold) --method $1 --predictions $(probabilities_in) \
  --labels $(labels) --folds $(folds_in) --out $@ $(threads)
submit     = $(bin)/hpa-submit --predictions $(probabilities_in) --thresholds $(thresholds_in) --template $(csvs) --out $@

# ---- settings as files ------------------------------------------------------
# $(call recorded,FILE,VALUE): a file that is made anew when VALUE is not what it holds, so that a
# changed variable reruns what depends on it. A dry run changes nothing.

define recorded
$1: ; @mkdir -p $$(@D) && printf '%s\n' '$2' > $$@
ifneq ($$(file <$1),$2)
.PHONY: $1
endif
endef
choices := $(out)/choices

# ---- a training run ---------------------------------------------------------

ifeq ($(applying),)
$(eval $(call recorded,$(choices)/data,$(data)))
$(eval $(call recorded,$(choices)/extra,$(extra)))
$(eval $(call recorded,$(choices)/weights,$(WEIGHTS)))
$(eval $(call recorded,$(choices)/duplicates,$(DUPLICATES)))
$(eval $(call recorded,$(choices)/device,$(DEVICE)))

# Configuration, weights and device are refused here, before hours of work.
weights   := $(if $(filter-out none,$(WEIGHTS)),$(wildcard $(WEIGHTS)/*.safetensors))
preflight := $(choices)/checked
$(preflight): $(models:%=$(cfg)/models/%.toml) $(weights) $(choices)/weights $(choices)/device $(net_bin)/hpa-train
	$(call step,check  settings)
	$(Q)for model in $(models); do $(net_bin)/hpa-train --config $(cfg)/models/$$model.toml \
	  $(addprefix --weights ,$(WEIGHTS)) --device $(DEVICE) --check --quiet; done
	@touch $@
ifneq ($(trains),)
$(labels) $(train_images) $(test_images) $(if $(data),,$(out)/raw/train.csv): | $(preflight)
endif

ifeq ($(data),)
$(out)/raw/train.csv $(out)/raw/sample_submission.csv $(out)/raw/test_labels.csv &: $(cfg)/synth.toml $(bin)/hpa-synth
	$(call step,synth  images and labels)
	$(Q)$(call synth,$(out)/raw)
endif

$(labels): $(raw)/train.csv $(extra:%=%/train.csv) $(choices)/data $(choices)/extra $(bin)/hpa-labels
	$(call step,labels  train)
	$(Q)$(labels_of)

$(out)/test-labels.parquet: $(raw)/test_labels.csv $(choices)/data $(bin)/hpa-labels
	$(call step,labels  test)
	$(Q)$(labels_of)

# The modification time of a folder changes when an image is added or removed.
$(train_images): $(out)/images/train-%.parquet: $(raw)/train.csv $(extra:%=%/train.csv) $(choices)/data $(choices)/extra \
    $(if $(data),$(data)/train) $(extra:%=%/train) $(wildcard $(cfg)/preprocess.toml) $(cfg)/pipeline.mk $(bin)/hpa-preprocess
	$(call step,preprocess  train $*)
	$(Q)$(call preprocess,$(raw)/train $(extra:%=%/train),$(call shard_of,$*))

$(test_images): $(out)/images/test-%.parquet: $(raw)/sample_submission.csv $(choices)/data $(if $(data),$(data)/test) \
    $(wildcard $(cfg)/preprocess.toml) $(cfg)/pipeline.mk $(bin)/hpa-preprocess
	$(call step,preprocess  test $*)
	$(Q)$(call preprocess,$(raw)/test,$(call shard_of,$*))

$(train_statistics): $(train_images) $(bin)/hpa-statistics
	$(call step,statistics  train)
	$(Q)$(statistics)

$(test_statistics): $(test_images) $(train_statistics) $(bin)/hpa-statistics
	$(call step,statistics  test)
	$(Q)$(statistics)

split_inputs := $(labels) $(train_images) $(cfg)/split.toml $(cfg)/pipeline.mk $(DUPLICATES) $(choices)/duplicates $(bin)/hpa-split
$(duplicate_lists) &: $(split_inputs) $(test_images)
	$(call step,split  duplicates)
	$(Q)$(call split,--test-images $(test_images) --out-groups $(firstword $(duplicate_lists)) --out-leaks $(lastword $(duplicate_lists)))

$(folds): $(split_inputs)
	$(call step,split  folds)
	$(Q)$(call split,--out $@)

# Checkpoints cost days: they depend on the recipe version, not on every line of hpa-train.
# The stem is MODEL/fold-F: $(*D) is MODEL, $(*F) is fold-F.
$(out)/models/%.safetensors $(out)/models/%.history.parquet: $(train_images) $(labels) $(folds) $(cfg)/models/$$(*D).toml \
    $(weights) $(choices)/weights crates/stages/train/recipe-version | $(net_bin)/hpa-train
	$(call step,train  $(*D) $(subst -, ,$(*F)))
	$(Q)$(call train,$(cfg)/models/$(*D).toml,$(patsubst fold-%,%,$(*F)),$(out)/resume/$*,$(out)/models/$*.safetensors,\
	  $(addprefix --weights ,$(WEIGHTS)) --out-history $(out)/models/$*.history.parquet \
	  $(if $(TENSORBOARD),--out-events $(out)/events/$*/events.out.tfevents.0))

$(models:%=$(out)/predictions/%/oof.parquet): $(out)/predictions/%/oof.parquet: $$(call checkpoints_of,$$*) \
    $(train_images) $(folds) $(wildcard $(cfg)/predict.toml) $(net_bin)/hpa-predict
	$(call step,predict  $* out of fold)
	$(Q)$(call predict,)

$(models:%=$(out)/predictions/%/test.parquet): $(out)/predictions/%/test.parquet: $$(call checkpoints_of,$$*) \
    $(test_images) $(wildcard $(cfg)/predict.toml) $(net_bin)/hpa-predict
	$(call step,predict  $* test)
	$(Q)$(call predict,)

# $(call ensemble_inputs,FOLDER,ENSEMBLE,FILE): the members' predictions, and their thresholds for decisions.
ensemble_inputs = $(foreach m,$(call members_of,$2),$1/predictions/$m/$3) \
  $(if $(filter $2,$(decision_ensembles)),$(foreach m,$(call members_of,$2),$(call submission_thresholds,$m)))
$(call prediction_files,$(ensembles)): $(out)/predictions/%.parquet: $(cfg)/ensembles/$$(*D).toml $(cfg)/pipeline.mk \
    $$(call ensemble_inputs,$(out),$$(*D),$$(*F).parquet) $(bin)/hpa-ensemble
	$(call step,ensemble  $(*D) $(*F))
	$(Q)$(call ensemble,--config $<)

# The folds name the groups of duplicates that the intervals resample.
$(thresholds): $(out)/thresholds/%.parquet: $(wildcard $(cfg)/threshold.toml) $(labels) $(folds) \
    $(out)/predictions/$$(*D)/oof.parquet $(bin)/hpa-threshold
	$(call step,threshold  $(*D) $(call method_of_file,$@))
	$(Q)$(call threshold,$(call method_of_file,$@))

$(submissions): $(out)/submissions/%.csv: $(raw)/sample_submission.csv $(choices)/data $(out)/predictions/%/test.parquet \
    $$(call submission_thresholds,$$*) $(cfg)/pipeline.mk $(bin)/hpa-submit
	$(call step,submit  $*)
	$(Q)$(submit)

# The last recipe of `make all`: prints the scores and where to look. Checkpoints stand before
# histories: a dry run considers only the first of a rule's two files.
$(page) $(scores) &: $(labels) $(test_labels) $(folds) $(checkpoints) $(histories) $(call prediction_files,$(models) $(ensembles)) \
    $(thresholds) $(train_images) $(test_images) $(test_statistics) $(duplicate_lists) $(submissions) \
    $(wildcard $(cfg)/models $(cfg)/ensembles) $(bin)/hpa-report
	$(call step,report  $(page))
	$(Q)$(bin)/hpa-report --labels $(labels) $(addprefix --test-labels ,$(test_labels)) --folds $(folds) \
	  --history $(histories) --predictions $(call prediction_files,$(models) $(ensembles)) --thresholds $(thresholds) \
	  --images $(train_images) $(test_images) --out $(page) --out-scores $(scores) $(threads)
	@printf 'submission  %s\n' $(submissions)
endif

# ---- new images, no training ------------------------------------------------
# The checkpoints and thresholds of RUN label the images of DATA/test, into RUN/apply/NAME.

ifneq ($(applying),)
$(if $(data),,$(error apply needs DATA=DIR, a folder with test/))
$(if $(wildcard $(data)/test),,$(error DATA=$(DATA) has no folder test))
missing := $(strip $(foreach f,$(checkpoints) $(foreach n,$(models) $(ensembles),$(call submission_thresholds,$n)),$(if $(wildcard $f),,$f)))
$(if $(missing),$(error $(firstword $(missing)) is missing: run `make all PIPELINE=$(PIPELINE)` first))

# At most so many samples a shard.
APPLY_SHARD_SAMPLES ?= 2048
new             := $(out)/apply/$(notdir $(data))
new_template    := $(or $(wildcard $(data)/sample_submission.csv),$(new)/sample_submission.csv)
new_count       := $(shell find $(data)/test/ -name '*_green.*' | wc -l)
new_shards      := $(shell echo $$(( ($(new_count) + $(APPLY_SHARD_SAMPLES) - 1) / $(APPLY_SHARD_SAMPLES) )))
new_images      := $(patsubst %,$(new)/images/test-%.parquet,$(call shards,$(if $(filter 0,$(new_shards)),1,$(new_shards))))
new_submissions := $(patsubst %,$(new)/submissions/%.csv,$(models) $(ensembles))
new_statistics  := $(if $(wildcard $(train_statistics)),$(new)/statistics/test.parquet)
new_models      := $(models:%=$(new)/predictions/%/test.parquet)
new_ensembles   := $(ensembles:%=$(new)/predictions/%/test.parquet)

$(eval $(call recorded,$(new)/choices/data,$(data)))

.PHONY: apply
apply: $(new_submissions) $(new_statistics) ## label new images: DATA=DIR with test/, RUN=a trained run

# Without a template every sample of test/ gets a row.
$(new)/sample_submission.csv: $(data)/test $(new)/choices/data
	@mkdir -p $(@D)
	$(Q){ echo Id,Predicted; find $</ -name '*_green.*' -printf '%f\n' | sed 's/_green\..*/,/' | LC_ALL=C sort; } > $@.partial
	@mv $@.partial $@

$(new_images): $(new)/images/test-%.parquet: $(new_template) $(data)/test $(new)/choices/data $(wildcard $(cfg)/preprocess.toml) $(bin)/hpa-preprocess
	$(call step,preprocess  $(notdir $(data)) $*)
	$(Q)$(call preprocess,$(data)/test,$(call shard_of,$*))

$(new)/statistics/test.parquet: $(new_images) $(train_statistics) $(bin)/hpa-statistics
	$(call step,statistics  $(notdir $(data)))
	$(Q)$(statistics)

$(new_models): $(new)/predictions/%/test.parquet: $$(call checkpoints_of,$$*) $(new_images) $(wildcard $(cfg)/predict.toml) $(net_bin)/hpa-predict
	$(call step,predict  $* $(notdir $(data)))
	$(Q)$(call predict,)

$(new_ensembles): $(new)/predictions/%/test.parquet: $(cfg)/ensembles/%.toml $$(call ensemble_inputs,$(new),$$*,test.parquet) $(bin)/hpa-ensemble
	$(call step,ensemble  $* $(notdir $(data)))
	$(Q)$(call ensemble,--config $<)

$(new_submissions): $(new)/submissions/%.csv: $(new_template) $(new)/choices/data $(new)/predictions/%/test.parquet \
    $$(call submission_thresholds,$$*) $(bin)/hpa-submit
	$(call step,submit  $* $(notdir $(data)))
	$(Q)$(submit)
	@printf 'submission  %s\n' $@
else
.PHONY: apply
endif

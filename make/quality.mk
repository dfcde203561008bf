# How good a recipe is: learning, sim-to-real, against PyTorch, and what each part is worth.
# Every run is a file, so that what was stopped goes on where it stopped.

.PHONY: check-learning check-shuffled sim-to-real bench-quality ablation find-rate

# ---- does it learn? ---------------------------------------------------------

check-learning: ## quick learns, and its thresholds pay (ten minutes)
	$(MAKE) all PIPELINE=quick RUN=quick DATA=
	cargo test --release --locked --workspace --test learning -- --ignored --nocapture quick

check-shuffled: ## nothing is learnt from shuffled labels (twenty minutes)
	$(MAKE) all PIPELINE=quick RUN=quick DATA=
	$(MAKE) $(RUNS)/shuffled/train.csv PIPELINE=quick RUN=quick DATA=
	$(MAKE) all PIPELINE=quick DATA=$(RUNS)/shuffled RUN=quick-shuffled
	cargo test --release --locked --workspace --test learning -- --ignored --nocapture shuffled

# The images of quick with the Target column shuffled.
$(RUNS)/shuffled/train.csv: $(RUNS)/quick/raw/train.csv
	@mkdir -p $(@D)
	ln -sfn $(abspath $(RUNS)/quick/raw/train) $(@D)/train
	ln -sfn $(abspath $(RUNS)/quick/raw/test) $(@D)/test
	cp $(RUNS)/quick/raw/sample_submission.csv $(RUNS)/quick/raw/test_labels.csv $(@D)
	{ head -n 1 $<; paste -d , <(tail -n +2 $< | cut -d , -f 1) \
	  <(tail -n +2 $< | cut -d , -f 2 | shuf --random-source=<(yes)); } > $@.partial
	mv $@.partial $@

# ---- trained on drawings, tested on real samples ----------------------------

real := $(out)/sim-to-real
real_predictions := $(models:%=$(real)/predictions/%/test.parquet)

sim-to-real: $(real)/score.json ## mean AUC on REAL_SAMPLES of networks that saw only drawings (PIPELINE=sim-to-real)
	@cat $<

$(real)/labels.parquet: $(REAL_SAMPLES)/train.csv $(REAL_SAMPLES)/test_labels.csv $(bin)/hpa-labels
	$(call step,labels  real samples)
	$(Q)$(labels_of)

$(real)/images/train.parquet: $(REAL_SAMPLES)/train.csv
$(real)/images/test.parquet: $(REAL_SAMPLES)/test_labels.csv
$(real)/images/train.parquet $(real)/images/test.parquet: $(real)/images/%.parquet: $(REAL_SAMPLES)/% $(cfg)/pipeline.mk $(bin)/hpa-preprocess
	$(call step,preprocess  real samples $*)
	$(Q)$(call preprocess,$(REAL_SAMPLES)/$*)

$(real_predictions): $(real)/predictions/%/test.parquet: $$(call checkpoints_of,$$*) $(real)/images/train.parquet \
    $(real)/images/test.parquet $(wildcard $(cfg)/predict.toml) $(net_bin)/hpa-predict
	$(call step,predict  $* real samples)
	$(Q)$(call predict,)

$(real)/predictions/average/test.parquet: $(real_predictions) $(bin)/hpa-ensemble
	$(call step,ensemble  average real samples)
	$(Q)$(call ensemble,--method average)

$(real)/score.json: $(real)/predictions/average/test.parquet $(real)/labels.parquet $(bin)/hpa-score
	$(Q)$(bin)/hpa-score --predictions $< --labels $(real)/labels.parquet --metric mean-auc --min-positives 3 --json > $@.partial
	@mv $@.partial $@

# ---- against PyTorch, and part by part --------------------------------------

# Seeds of bench-quality and of ablation, and the fold that is held out.
QUALITY_SEEDS    ?= 1 2 3 4 5
ABLATION_SEEDS   ?= 1 2 3
QUALITY_FOLD     ?= 0
# Rows of the ablation, by file: ROW.toml is a training; ROW+WHAT.predict.toml predicts with the
# weights of ROW in another way.
ABLATION_ROWS    ?= $(sort $(patsubst %.predict,%,$(basename $(notdir $(wildcard benches/quality/ablation/*.toml)))))
# Pretrained weights for rows that say `pretrained = true`.
ABLATION_WEIGHTS ?= $(or $(HPA_SHARED),../shared)/data/weights

quality_dir    := $(out)/quality
ablation_dir   := $(out)/ablation
quality_python := $(bench_env)/quality/bin/python
quality_data   := $(train_images) $(labels) $(folds)

bench_ours    := $(QUALITY_SEEDS:%=$(quality_dir)/ours-%.parquet)
bench_torch   := $(QUALITY_SEEDS:%=$(quality_dir)/torch-%.npz)
ablation_runs := $(foreach s,$(ABLATION_SEEDS),$(foreach r,$(ABLATION_ROWS),$(ablation_dir)/$r-$s.parquet))
ablation_trainings := $(sort $(foreach s,$(ABLATION_SEEDS),$(foreach r,$(ABLATION_ROWS),$(ablation_dir)/$(firstword $(subst +, ,$r))-$s.safetensors)))
.SECONDARY: $(ablation_trainings) $(bench_ours:.parquet=.safetensors)

bench-quality: $(bench_ours) $(bench_torch) ## ResNet-18 of quick against the same recipe in PyTorch, to docs/quality.md
	$(quality_python) benches/quality/scores.py bench $(quality_dir) $(labels) $(folds) $(QUALITY_FOLD) docs/quality.md

ablation: $(ablation_runs) $(bench_env)/quality/ready ## what each part of the recipe is worth, to docs/quality.md
	$(quality_python) benches/quality/scores.py ablation $(ablation_dir) $(labels) $(folds) $(QUALITY_FOLD) docs/quality.md

$(bench_ours:.parquet=.safetensors): $(quality_dir)/ours-%.safetensors: $(quality_data) $(cfg)/models/resnet18.toml \
    crates/stages/train/recipe-version | $(bin)/hpa-train
	$(call step,train  resnet18 seed $*)
	$(Q)$(call train,$(cfg)/models/resnet18.toml,$(QUALITY_FOLD),$(quality_dir)/resume/ours-$*,$@,--seed $*)

$(bench_torch): $(quality_dir)/torch-%.npz: $(quality_data) $(cfg)/models/resnet18.toml benches/quality/train_torch.py | $(bench_env)/quality/ready
	@mkdir -p $(@D)
	$(call step,train  PyTorch seed $*)
	$(Q)$(quality_python) benches/quality/train_torch.py --config $(cfg)/models/resnet18.toml --seed $* --images $(train_images) \
	  --labels $(labels) --folds $(folds) --fold $(QUALITY_FOLD) --out $@.partial $(threads)
	@mv $@.partial $@

$(bench_ours): %.parquet: %.safetensors $(train_images) | $(bin)/hpa-predict
	$(call step,predict  $(*F))
	$(Q)$(call predict,--tta none)

# A training's stem is ROW-SEED, a prediction's ROW-SEED or ROW+WHAT-SEED.
ablation_row   = $(patsubst %-$(lastword $(subst -, ,$1)),%,$1)
ablation_seed  = $(lastword $(subst -, ,$1))
ablation_model = $(ablation_dir)/$(firstword $(subst +, ,$(call ablation_row,$1)))-$(call ablation_seed,$1).safetensors
ablation_views = $(wildcard benches/quality/ablation/$(call ablation_row,$1).predict.toml)

$(ablation_trainings): $(ablation_dir)/%.safetensors: $(quality_data) benches/quality/ablation/$$(call ablation_row,$$*).toml \
    $(wildcard $(ABLATION_WEIGHTS)/*.safetensors) crates/stages/train/recipe-version | $(bin)/hpa-train
	$(call step,train  $*)
	$(Q)$(call train,benches/quality/ablation/$(call ablation_row,$*).toml,$(QUALITY_FOLD),$(ablation_dir)/resume/$*,$@,\
	  --seed $(call ablation_seed,$*) --weights $(ABLATION_WEIGHTS))

$(ablation_runs): $(ablation_dir)/%.parquet: $$(call ablation_model,$$*) $$(call ablation_views,$$*) $(train_images) | $(bin)/hpa-predict
	$(call step,predict  $*)
	$(Q)$(call predict,$(or $(addprefix --config ,$(call ablation_views,$*)),--tta none))

# ---- a learning rate --------------------------------------------------------

MODEL ?= $(firstword $(models))
find-rate: $(quality_data) $(bin)/hpa-train ## a learning rate for MODEL: curve and plot in data/RUN/learning-rates
	$(bin)/hpa-train --config $(cfg)/models/$(MODEL).toml --find-learning-rate --images $(train_images) --labels $(labels) \
	  --folds $(folds) --fold $(QUALITY_FOLD) $(addprefix --weights ,$(WEIGHTS)) \
	  --out-curve $(out)/learning-rates/$(MODEL)/fold-$(QUALITY_FOLD).parquet \
	  --out-curve-plot $(out)/learning-rates/$(MODEL)/fold-$(QUALITY_FOLD).svg $(threads)

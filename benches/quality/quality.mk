# How good it is: against PyTorch, and what each part of the recipe is worth. Included by the
# Makefile. Every run is a file, so that what was stopped goes on where it stopped.

# Where Python's packages go: outside of the repository.
QUALITY_VENV   ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hpa/quality
# Seeds of bench-quality and of ablation.
QUALITY_SEEDS  ?= 1 2 3 4 5
ABLATION_SEEDS ?= 1 2 3
# Rows of the ablation, by the names of their files: ROW.toml is a training; ROW+WHAT.predict.toml
# looks at the held-out fold in another way through the weights of ROW.
ABLATION_ROWS  ?= $(sort $(patsubst %.predict,%,$(basename $(notdir $(wildcard benches/quality/ablation/*.toml)))))
# The folder with ARCHITECTURE.safetensors for rows that say `pretrained = true`.
ABLATION_WEIGHTS ?= $(or $(HPA_SHARED),../shared)/data/weights
# The fold that is held out.
QUALITY_FOLD   ?= 0
XDG_CACHE_HOME ?=

bench_dir    := $(out)/quality
ablation_dir := $(out)/ablation
quality_python := $(QUALITY_VENV)/bin/python
quality_inputs = --images $(train_images) --labels $(labels) --folds $(folds) --fold $(QUALITY_FOLD)
quality_data   = $(train_images) $(labels) $(folds)

bench_ours  := $(QUALITY_SEEDS:%=$(bench_dir)/ours-%.parquet)
bench_torch := $(QUALITY_SEEDS:%=$(bench_dir)/torch-%.npz)
ablation_runs := $(foreach s,$(ABLATION_SEEDS),$(foreach r,$(ABLATION_ROWS),$(ablation_dir)/$r-$s.parquet))

ablation_trainings := $(sort $(foreach s,$(ABLATION_SEEDS),$(foreach r,$(ABLATION_ROWS),$(ablation_dir)/$(firstword $(subst +, ,$r))-$s.safetensors)))

.PHONY: bench-quality ablation
.SECONDARY: $(ablation_trainings) $(bench_ours:.parquet=.safetensors)

bench-quality: $(bench_ours) $(bench_torch) ## ResNet-18 of quick against the same recipe in PyTorch, to docs/quality.md
	$(quality_python) benches/quality/scores.py bench $(bench_dir) $(labels) $(folds) $(QUALITY_FOLD) docs/quality.md

ablation: $(ablation_runs) $(QUALITY_VENV)/hpa-ready ## what each part of the recipe is worth, to docs/quality.md
	$(quality_python) benches/quality/scores.py ablation $(ablation_dir) $(labels) $(folds) $(QUALITY_FOLD) docs/quality.md

$(QUALITY_VENV)/hpa-ready: benches/quality/requirements.txt
	test -x $(quality_python) || python3 -m venv $(QUALITY_VENV)
	$(quality_python) -m pip install --quiet --requirement $<
	touch $@

$(bench_ours:.parquet=.safetensors): $(bench_dir)/ours-%.safetensors: $(quality_data) $(cfg)/models/resnet18.toml \
    crates/stages/train/recipe-version | $(bin)/hpa-train
	$(bin)/hpa-train --config $(cfg)/models/resnet18.toml --seed $* $(quality_inputs) \
	  --resume-dir $(bench_dir)/resume/ours-$* --out $@ $(share)

$(bench_torch): $(bench_dir)/torch-%.npz: $(quality_data) $(cfg)/models/resnet18.toml benches/quality/train_torch.py | $(QUALITY_VENV)/hpa-ready
	@mkdir -p $(@D)
	$(quality_python) benches/quality/train_torch.py --config $(cfg)/models/resnet18.toml --seed $* $(quality_inputs) --out $@.partial $(share)
	mv $@.partial $@

$(bench_ours): %.parquet: %.safetensors $(train_images) | $(bin)/hpa-predict
	$(bin)/hpa-predict --model $< --images $(train_images) --out $@ $(share)

# A training's stem is ROW-SEED, a prediction's ROW-SEED or ROW+WHAT-SEED.
ablation_row  = $(shell printf '%s' '$1' | sed -E 's/-[0-9]+$$//')
ablation_seed = $(lastword $(subst -, ,$1))
ablation_toml = benches/quality/ablation/$(call ablation_row,$1).toml
ablation_start = $(if $(filter true,$(call toml,$(call ablation_toml,$1),pretrained)),$(ABLATION_WEIGHTS)/$(call toml,$(call ablation_toml,$1),architecture).safetensors)
ablation_model = $(ablation_dir)/$(firstword $(subst +, ,$(call ablation_row,$1)))-$(call ablation_seed,$1).safetensors
ablation_views = $(wildcard benches/quality/ablation/$(call ablation_row,$1).predict.toml)

$(ablation_trainings): $(ablation_dir)/%.safetensors: $(quality_data) $$(call ablation_toml,$$*) \
    $$(call ablation_start,$$*) crates/stages/train/recipe-version | $(bin)/hpa-train
	$(bin)/hpa-train --config $(call ablation_toml,$*) --seed $(call ablation_seed,$*) $(quality_inputs) \
	  $(addprefix --weights ,$(call ablation_start,$*)) --resume-dir $(ablation_dir)/resume/$* --out $@ $(share)

$(ablation_runs): $(ablation_dir)/%.parquet: $$(call ablation_model,$$*) $$(call ablation_views,$$*) $(train_images) | $(bin)/hpa-predict
	$(bin)/hpa-predict $(addprefix --config ,$(call ablation_views,$*)) \
	  --model $< --images $(train_images) --out $@ $(share)

# ---- a learning rate -------------------------------------------------------

MODEL ?= $(firstword $(models))
.PHONY: find-rate
find-rate: $(train_images) $(labels) $(folds) $(bin)/hpa-train ## a learning rate for MODEL: curve and picture in data/RUN/rates
	$(bin)/hpa-train --config $(cfg)/models/$(MODEL).toml --find-learning-rate $(quality_inputs) \
	  $(addprefix --weights ,$(if $(filter $(MODEL),$(pretrained)),$(if $(filter none,$(WEIGHTS)),,$(WEIGHTS)/$(MODEL).safetensors))) \
	  --out-curve $(out)/rates/$(MODEL)/fold-$(QUALITY_FOLD).parquet \
	  --out-curve-plot $(out)/rates/$(MODEL)/fold-$(QUALITY_FOLD).svg $(share)

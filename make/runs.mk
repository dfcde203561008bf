# What is said of a run and done to it as a whole.

.PHONY: why touch retrain clean clean-all

why: ## what `make all` would run next, and because of which file
	@$(MAKE) --dry-run all $(run_settings) >/dev/null
	@$(MAKE) --dry-run --debug=basic all $(run_settings) \
	  | sed -nE "s/^ *(Prerequisite '(crates|pipelines|Cargo|data|$(subst /,\/,$(PIPELINES)))[^']*' is newer than target '[^']*').*/\1/p; s/^ *(File '[^']*\/[^']*' does not exist).*/\1/p" \
	  | awk '!seen[$$0]++' | grep . || echo 'nothing to do'
run_settings = PIPELINE=$(PIPELINE) DATA=$(DATA) RUN=$(RUN) WEIGHTS=$(WEIGHTS)

touch: $(bins) ## declare the results on disk good for the present code
	@now=$$(date +@%s.%N); find $(out) -type f -exec touch -d "$$now" {} +

retrain: ## train anew in spite of existing checkpoints
	rm -rf $(out)/models $(out)/resume
	$(MAKE) train

clean: ## remove what is derived of RUN; raw data, checkpoints and resume state stay
	@if [ -d $(out) ]; then find $(out) -name '.*.partial' -delete; fi
	rm -rf $(addprefix $(out)/,labels.parquet test-labels.parquet images folds.parquet statistics duplicates predictions \
	  thresholds submissions report sim-to-real apply learning-rates events quality ablation)

clean-all: ## remove all of RUN, checkpoints too
	rm -rf $(out)

print-%: # the value of a variable: make print-checkpoints
	@printf '%s\n' $($*)

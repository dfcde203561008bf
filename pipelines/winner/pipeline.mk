# What Make needs to know of this pipeline; the programs' own settings are in the TOML files.
# Full-size originals, averaged down from whatever they measure (1024 px and more).
size_px            := 512
n_folds            := 5
train_shards       := 16
test_shards        := 6
threshold_methods  := fixed:0.5 global exact basinhopping
submission_method  := exact

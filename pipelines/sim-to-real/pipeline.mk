# What Make needs to know of this pipeline; the programs' own settings are in the TOML files.
size_px            := 128
n_folds            := 2
train_shards       := 2
test_shards        := 1
threshold_methods  := fixed:0.5 global exact basinhopping
submission_method  := exact

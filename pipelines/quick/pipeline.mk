# What Make needs to know of this pipeline; the programs' own settings are in the TOML files.
# Small enough for two cores to train on in minutes.
size_px            := 64
n_folds            := 3
train_shards       := 2
test_shards        := 1
threshold_methods  := fixed:0.5 global exact basinhopping
submission_method  := exact
# Ensembles of decisions (`method = "or"`), made with the members' thresholds.
decision_ensembles := or

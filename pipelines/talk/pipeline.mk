# What Make needs to know of this pipeline; the programs' own settings are in the TOML files.
# The full size of the competition's images; about 2,000 training samples a shard, 1.5 GB each.
size_px            := 512
n_folds            := 5
train_shards       := 16
test_shards        := 6
threshold_methods  := fixed:0.5 global exact basinhopping
submission_method  := exact
# Ensembles of decisions (`method = "or"`), made with the members' thresholds.
decision_ensembles := or

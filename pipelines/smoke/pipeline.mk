# What Make needs to know of this pipeline; the programs' own settings are in the TOML files.
# The smallest squares on which a cell is still a cell.
size_px            := 32
n_folds            := 2
train_shards       := 2
test_shards        := 1
threshold_methods  := fixed:0.5 global exact basinhopping
submission_method  := exact
# Ensembles of decisions (`method = "or"`), made with the members' thresholds.
decision_ensembles := or

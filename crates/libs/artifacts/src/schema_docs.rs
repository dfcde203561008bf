//! The tables of `docs/artifacts.md`: what each kind of file holds.

/// One kind of file: schema, the file's path in a run, writer, and (column, type, meaning).
type Kind = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
);

const KINDS: &[Kind] = &[
    (
        "labels/1",
        "`labels.parquet`, `test-labels.parquet`",
        "`hpa-labels`",
        &[
            ("id", "utf8", "the sample, unique"),
            ("labels", "list<uint8>", "ascending, unique, each below the number of `label_names`"),
        ],
    ),
    (
        "images/1",
        "`images/train-00000-of-00004.parquet` …",
        "`hpa-preprocess`",
        &[
            ("id", "utf8", "the sample, unique over all shards"),
            (
                "image",
                "fixed_size_binary(4·S·S)",
                "uint8, channel × height × width; red, green, blue, yellow",
            ),
            ("height", "uint32", "of the source, in pixels"),
            ("width", "uint32", "of the source, in pixels"),
            ("phash", "fixed_size_list<uint64>[4]", "perceptual hash of each channel"),
            ("digest", "fixed_size_binary(32)", "BLAKE3 over the decoded source pixels"),
        ],
    ),
    (
        "statistics/1",
        "`statistics/train.parquet`, `statistics/test.parquet`",
        "`hpa-statistics`",
        &[
            ("channel", "utf8", "red, green, blue, yellow: one row each"),
            ("samples", "uint64", "samples counted, the same in all rows"),
            ("mean", "float64", "mean grey level of the pixels as the shards hold them, in [0, 1]"),
            ("std", "float64", "their standard deviation, in [0, 1]"),
            ("saturated", "float64", "share of pixels at level 255"),
            ("histogram", "fixed_size_list<uint64>[256]", "pixels at each grey level"),
            ("correlation", "fixed_size_list<float64>[4]", "with each channel, pixel by pixel"),
        ],
    ),
    (
        "folds/1",
        "`folds.parquet`",
        "`hpa-split`",
        &[
            ("id", "utf8", "the sample, unique"),
            ("fold", "uint8", "the fold that holds it out"),
            ("group", "uint32", "duplicates share one"),
        ],
    ),
    (
        "history/1",
        "`models/M/fold-F.history.parquet`",
        "`hpa-train`",
        &[
            ("epoch", "uint32", "from 0"),
            ("train_loss", "float64", "mean over the batches as they were seen"),
            ("valid_loss", "float64", "on the fold held out"),
            ("valid_macro_f1", "float64", "on the fold held out, at threshold 0.5"),
            ("learning_rate", "float64", "of the epoch's last step"),
            (
                "valid_label_f1",
                "list<float64>",
                "F1 of each label on the fold held out, at threshold 0.5 (absent in older files)",
            ),
            (
                "valid_label_loss",
                "list<float64>",
                "each label's part of `valid_loss`: the parts add up to it where the loss is summed \
                 over labels, and average to it where it is a mean (absent in older files)",
            ),
        ],
    ),
    (
        "rate-curve/1",
        "`rates/M/fold-F.parquet`; metadata `suggestion`: the rate at the steepest slope",
        "`hpa-train --find-learning-rate`",
        &[
            ("step", "uint32", "from 0"),
            ("learning_rate", "float64", "of the step, an even factor above the one before"),
            ("loss", "float64", "of the step's batch, before the step"),
            ("smooth_loss", "float64", "exponentially smoothed, 0.98 of the old, bias corrected"),
        ],
    ),
    (
        "predictions/1",
        "`predictions/N/oof.parquet`, `…/test.parquet`",
        "`hpa-predict`, `hpa-ensemble`, `hpa-import`",
        &[
            ("id", "utf8", "the sample, unique"),
            ("fold", "uint8", "out-of-fold predictions only"),
            ("probability", "fixed_size_list<float32>[L]", "in [0, 1], one a label"),
        ],
    ),
    (
        "thresholds/1",
        "`thresholds/N/METHOD.parquet`",
        "`hpa-threshold`",
        &[
            ("label", "uint8", "0 to L - 1"),
            ("name", "utf8", "what the label is called"),
            ("threshold", "float64", "predicted when the probability is strictly above"),
            (
                "fold_threshold",
                "list<float64>",
                "entry F fitted without fold F; null without folds",
            ),
            ("support", "uint32", "samples that carry the label"),
            ("f1_fitted", "float64", "on the samples of the fit: optimistic"),
            ("f1_held_out", "float64", "pooled decisions by `fold_threshold`; null without folds"),
        ],
    ),
    (
        "scores/1",
        "`report/scores.parquet`",
        "`hpa-report`",
        &[
            ("name", "utf8", "model or ensemble"),
            ("split", "utf8", "`oof` or `test`"),
            ("method", "utf8", "how the thresholds were found"),
            ("metric", "utf8", "`macro-f1` …"),
            ("value", "float64", "the score"),
            ("low", "float64", "lower end of the 95 % interval"),
            ("high", "float64", "upper end of the 95 % interval"),
        ],
    ),
];

/// The tables as Markdown.
#[must_use]
pub fn schema_tables() -> String {
    KINDS.iter().map(kind_table).collect()
}

fn kind_table((schema, path, writer, columns): &Kind) -> String {
    let head = format!(
        "## `{schema}`

{path}, written by {writer}.

| column | type | meaning |
|---|---|---|
"
    );
    let rows = columns.iter().map(|(name, kind, meaning)| {
        format!(
            "| `{name}` | {kind} | {meaning} |
"
        )
    });
    std::iter::once(head)
        .chain(rows)
        .chain(std::iter::once(
            "
"
            .to_owned(),
        ))
        .collect()
}

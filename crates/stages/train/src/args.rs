//! The flags of `hpa-train`, as typed.

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use hpa_artifacts::{Checkpoint, Folds, History, Labels, LrCurve};
use hpa_cli::{Input, Output, in_range, in_range_f64};
use hpa_nn::{DeviceKind, Field, FieldKind, TrainConfig, fields};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Old and new spelling of flags; keys have `_` for `-`.
pub const RENAMED: &[(&str, &str)] = &[
    ("accumulate", "gradient-accumulation-steps"),
    ("clip-norm", "grad-clip-norm"),
    ("early-stop", "early-stopping-patience"),
    ("sizes", "progressive-resize"),
    ("first-group-learning-rate", "body-learning-rate"),
    ("freeze-norms", "batch-norm"),
    ("probability", "augment-probability"),
    ("gain", "channel-gain"),
    ("crop-area", "crop-scale"),
    ("crop-aspect", "crop-ratio"),
    ("cutout-side", "cutout-size"),
    ("step-factor", "lr-gamma"),
    ("restart-epochs", "cosine-t0"),
    ("restart-factor", "cosine-t-mult"),
    ("check-surgery", "check-input-conv"),
];

/// Modes that need no fold to train on.
const WITHOUT_FOLD: [&str; 3] = ["check", "check_input_conv", "show_augmentation"];
const NO_CHECKPOINT: [&str; 4] =
    ["check", "check_input_conv", "show_augmentation", "find_learning_rate"];

/// Inputs, outputs and hyperparameters.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Images: shards written by hpa-preprocess
    #[arg(long, num_args = 1.., value_name = "SHARD.parquet", required_unless_present_any = ["check", "check_input_conv"])]
    pub images: Vec<PathBuf>,
    /// Labels of each sample
    #[arg(long, value_name = "FILE.parquet", required_unless_present_any = WITHOUT_FOLD)]
    pub labels: Option<Input<Labels>>,
    /// Fold of each sample
    #[arg(long, value_name = "FILE.parquet", required_unless_present_any = WITHOUT_FOLD)]
    pub folds: Option<Input<Folds>>,
    /// Held-out fold, from 0
    #[arg(long, value_name = "I", value_parser = in_range::<u64>(0..=254), required_unless_present_any = WITHOUT_FOLD)]
    pub fold: Option<u64>,
    /// Device: auto, cpu or cuda
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: DeviceKind,
    /// Checkpoint to write
    #[arg(long, value_name = "FILE.safetensors", required_unless_present_any = NO_CHECKPOINT)]
    pub out: Option<Output<Checkpoint>>,
    /// Losses and scores of each epoch to write
    #[arg(long, value_name = "FILE.parquet")]
    pub out_history: Option<Output<History>>,
    /// `TensorBoard` events to write during training; the name must contain `tfevents`
    #[arg(long, value_name = "FILE.tfevents", value_parser = event_file)]
    pub out_events: Option<PathBuf>,
    /// Save the state of unfinished training here, and resume from it
    #[arg(long, value_name = "DIR")]
    pub resume_dir: Option<PathBuf>,
    /// Save the state after every epoch, and within one after this many seconds; 0: every step
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = in_range::<u64>(0..=86_400))]
    pub save_every_s: u64,
    /// Pretrained weights: safetensors with the names of torchvision or timm, or a folder of
    /// ARCHITECTURE.safetensors for `pretrained = true`; none: train from scratch
    #[arg(long, value_name = "FILE.safetensors|DIR|none")]
    pub weights: Option<PathBuf>,
    /// Hyperparameters.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Learning rate finder.
    #[command(flatten)]
    pub finder: FinderArgs,
    /// Check configuration, device and pretrained weights, and do nothing; needs no images
    #[arg(long, help_heading = "Other modes")]
    pub check: bool,
    /// Compare the network with an adapted first convolution with the three-channel one; needs no
    /// images
    #[arg(long, help_heading = "Other modes", conflicts_with_all = ["check", "show_augmentation"])]
    pub check_input_conv: bool,
    /// Draw N samples (1 to 64) as they are and in seven epochs, augmented
    #[arg(long, help_heading = "Other modes", num_args = 2, value_names = ["N", "OUT.png"], conflicts_with = "check")]
    pub show_augmentation: Vec<String>,
}

impl Args {
    /// Hyperparameters.
    #[must_use]
    pub const fn config(&self) -> &TrainConfig {
        &self.config.0
    }

    /// The file of pretrained weights, if any.
    ///
    /// In a folder it is the file named after the network, and only for `pretrained = true`.
    #[must_use]
    pub fn weights(&self) -> Option<PathBuf> {
        let path = self.weights.as_deref().filter(|path| *path != Path::new("none"))?;
        let model = &self.config().model;
        match path.is_dir() {
            true if model.pretrained => {
                Some(path.join(model.architecture.name()).with_added_extension("safetensors"))
            }
            true => None,
            false => Some(path.to_owned()),
        }
    }

    pub(crate) fn labels(&self) -> anyhow::Result<&Input<Labels>> {
        self.labels.as_ref().context("training needs --labels")
    }

    pub(crate) fn folds(&self) -> anyhow::Result<&Input<Folds>> {
        self.folds.as_ref().context("training needs --folds")
    }

    pub(crate) fn fold(&self) -> anyhow::Result<u64> {
        self.fold.context("training needs --fold")
    }

    pub(crate) fn out(&self) -> anyhow::Result<&Output<Checkpoint>> {
        self.out.as_ref().context("training needs --out")
    }
}

/// `TensorBoard` reads only files with such names.
fn event_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    if name.is_some_and(|name| name.contains("tfevents")) {
        Ok(path)
    } else {
        Err("TensorBoard would ignore it: expected a name that contains `tfevents`".to_owned())
    }
}

/// Flags of the learning rate finder.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Learning rate finder (instead of training)")]
pub struct FinderArgs {
    /// Take steps at growing learning rates and suggest the one of the steepest descent
    #[arg(long, requires = "out_curve", conflicts_with_all = ["out", "out_history", "out_events"])]
    pub find_learning_rate: bool,
    /// Losses over learning rates to write
    #[arg(long, value_name = "FILE.parquet")]
    pub out_curve: Option<Output<LrCurve>>,
    /// Plot of the curve to write
    #[arg(long, value_name = "FILE.svg")]
    pub out_curve_plot: Option<PathBuf>,
    /// Smallest learning rate
    #[arg(long, value_name = "X", default_value_t = 1e-7, value_parser = in_range_f64(1e-12..=1.0))]
    pub find_from: f64,
    /// Largest learning rate
    #[arg(long, value_name = "X", default_value_t = 10.0, value_parser = in_range_f64(1e-9..=1e6))]
    pub find_to: f64,
    /// Steps from the smallest to the largest, unless the loss diverges before
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = in_range::<usize>(20..=100_000))]
    pub find_steps: usize,
}

impl FinderArgs {
    /// Refuses outputs of the finder without it.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.find_learning_rate || (self.out_curve.is_none() && self.out_curve_plot.is_none()),
            "--out-curve and --out-curve-plot belong to the learning rate finder\n  help: add --find-learning-rate, or leave them out"
        );
        Ok(())
    }
}

/// The hyperparameters as flags, one for each of [`fields`].
#[derive(Clone, Debug)]
pub struct ConfigArgs(pub TrainConfig);

impl clap::Args for ConfigArgs {
    fn augment_args(command: Command) -> Command {
        command.args(fields().iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(field: &'static Field) -> Arg {
    let arg = Arg::new(&*field.key).long(&*field.flag).help_heading(field.section);
    let arg = arg.required(field.is_required);
    if field.kind == FieldKind::Switch {
        return arg.action(ArgAction::SetTrue).help(&field.description);
    }
    let range = field.range();
    let range = if range.is_empty() { range } else { format!(" ({range})") };
    arg.help(format!("{}{range}", field.description))
        .value_name(match field.kind {
            FieldKind::Integer(_) => "N",
            FieldKind::Number(_) => "X",
            _ => "VALUE",
        })
        .value_parser(|text: &str| field.parse(text))
        .default_value(field.default.as_deref())
}

impl FromArgMatches for ConfigArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Map::new();
        for Field { key, kind, .. } in fields() {
            let value = match kind {
                FieldKind::Switch => matches.get_one::<bool>(key).map(|&switch| switch.into()),
                _ => matches.get_one::<Value>(key).cloned(),
            };
            settings.extend(value.map(|value| (key.clone(), value)));
        }
        serde_json::from_value(Value::Object(settings))
            .map(Self)
            .map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n")))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

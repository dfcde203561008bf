//! The flags of `hpa-score`.

use clap::{ArgMatches, Command, Error, FromArgMatches, error::ErrorKind};
use hpa_artifacts::{Folds, Labels, Predictions, Thresholds};
use hpa_cli::{Input, in_range};
use hpa_tables::scoring::Score;

/// What the user sets.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The probabilities; with a fold column each fold is decided by its own thresholds
    #[arg(long, value_name = "PREDICTIONS.parquet")]
    pub(crate) predictions: Input<Predictions>,
    /// The thresholds of the same model or ensemble; mean-auc needs none
    #[arg(long, value_name = "THRESHOLDS.parquet")]
    pub(crate) thresholds: Option<Input<Thresholds>>,
    /// The labels that count; predictions of other samples are left out
    #[arg(long, value_name = "LABELS.parquet")]
    pub(crate) labels: Input<Labels>,
    /// macro-f1, micro-f1, samples-f1, the same with f2 or f0.5, or mean-auc; may be repeated
    #[arg(long, num_args = 1.., default_value = "macro-f1")]
    pub(crate) metric: Vec<Score>,
    /// For mean-auc: labels count that so many samples carry and so many do not
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = in_range::<usize>(1..=1_000_000))]
    pub(crate) min_positives: usize,
    /// Resamples for the 95 % interval; 0 gives none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = in_range::<u32>(0..=1_000_000))]
    pub(crate) bootstrap: u32,
    /// Whose groups of duplicates are resampled as one [default: every sample by itself]
    #[arg(long, value_name = "FOLDS.parquet")]
    pub(crate) folds: Option<Input<Folds>>,
    /// Where the resamples come from
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = in_range::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
}

/// Arguments that fit together; those that do not are a mistake of usage.
pub(crate) struct Checked(pub(crate) Args);

impl FromArgMatches for Checked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let args = Args::from_arg_matches(matches)?;
        let decided = args.metric.iter().find_map(|score| match score {
            Score::F(metric) => Some(metric),
            Score::MeanAuc => None,
        });
        match decided {
            Some(metric) if args.thresholds.is_none() => Err(Error::raw(
                ErrorKind::MissingRequiredArgument,
                format!("{metric} needs --thresholds; mean-auc alone needs none\n"),
            )),
            _ => Ok(Self(args)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Checked {
    fn augment_args(command: Command) -> Command {
        Args::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Args::augment_args_for_update(command)
    }
}

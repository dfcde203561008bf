//! What `hpa-train` is asked for: to train, or to look at what training would do.

use crate::contact_sheet::{self, Sheet};
use crate::surgery::{self, Verdict};
use crate::{Args, Found, Report, Settings};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use hpa_cli::RunContext;
use serde::Serialize;
use std::path::PathBuf;

const CHECK: &str = "check_surgery";
const SHOW: &str = "show_augmentation";
/// What only training cannot do without.
const INPUTS: [&str; 5] = ["images", "labels", "folds", "fold", "out"];
/// More rows make a picture that nothing opens.
const MOST_ROWS: usize = 64;

/// The command line.
#[derive(Debug)]
pub enum Request {
    /// Train, or search for a learning rate with what training needs.
    Train(Box<Args>),
    /// Compare the four-channel network with the three-channel one.
    CheckSurgery {
        /// The recipe.
        settings: Box<Settings>,
        /// The pretrained weights.
        weights: Option<PathBuf>,
    },
    /// Draw augmented samples.
    ShowAugmentation {
        /// The recipe.
        settings: Box<Settings>,
        /// The pixels.
        images: Vec<PathBuf>,
        /// How many samples.
        rows: usize,
        /// Where to write the picture.
        out: PathBuf,
    },
}

/// What `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of training.
    Trained(Report),
    /// Of the search for a learning rate.
    Found(Found),
    /// Of the comparison.
    Surgery(Verdict),
    /// Of the drawing.
    Sheet(Sheet),
}

/// Does what is asked for.
///
/// # Errors
/// When an input is at fault, an output cannot be written, or the comparison fails.
pub fn answer(request: &Request, context: &RunContext) -> anyhow::Result<Answer> {
    match request {
        Request::Train(args) => crate::run(args, context),
        Request::CheckSurgery { settings, weights } => {
            surgery::check(settings, weights.as_deref(), context).map(Answer::Surgery)
        }
        Request::ShowAugmentation { settings, images, rows, out } => {
            contact_sheet::draw(settings, images, (*rows, out), context).map(Answer::Sheet)
        }
    }
}

impl clap::Args for Request {
    fn augment_args(command: Command) -> Command {
        let heading = "Looks, instead of training";
        let check = Arg::new(CHECK)
            .long("check-surgery")
            .action(ArgAction::SetTrue)
            .help_heading(heading)
            .conflicts_with(SHOW)
            .help("Compare the network with a widened first convolution with the three-channel one; needs no data");
        let show = Arg::new(SHOW)
            .long("show-augmentation")
            .num_args(2)
            .value_names(["N", "OUT.png"])
            .help_heading(heading)
            .help("Draw N samples, plain and in seven epochs, as training would see them; needs --images");
        let command = Args::augment_args(command).arg(check).arg(show);
        INPUTS.into_iter().fold(command, |command, id| {
            let only_training =
                |arg: Arg| arg.required(false).required_unless_present_any([CHECK, SHOW]);
            command.mut_arg(id, only_training)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Request {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let settings = || Settings::from_arg_matches(matches).map(Box::new);
        if matches.get_flag(CHECK) {
            let weights = matches.get_one("weights").cloned();
            return Ok(Self::CheckSurgery { settings: settings()?, weights });
        }
        let Some(words) = matches.get_many::<String>(SHOW) else {
            return Args::from_arg_matches(matches).map(|args| Self::Train(Box::new(args)));
        };
        let words: Vec<&String> = words.collect();
        let images: Vec<PathBuf> =
            matches.get_many("images").into_iter().flatten().cloned().collect();
        if images.is_empty() {
            let message = "--show-augmentation draws samples of --images: give it shards\n";
            return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, message));
        }
        let rows = hpa_cli::in_range(1..=MOST_ROWS)(words[0]).map_err(|reason| {
            let message = format!(
                "invalid value '{}' for '--show-augmentation <N> <OUT.png>': {reason}\n",
                words[0]
            );
            clap::Error::raw(ErrorKind::ValueValidation, message)
        })?;
        Ok(Self::ShowAugmentation { settings: settings()?, images, rows, out: words[1].into() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

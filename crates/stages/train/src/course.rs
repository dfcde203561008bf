//! Schedule and loop: the settings beside the recipe's first lines.
//!
//! What stands at its default is left out of the settings that a checkpoint records, so that
//! a setting that did not exist when a checkpoint was made does not make it anew.

use anyhow::bail;
use clap::FromArgMatches;
use hpa_cli::{in_range, in_range_f64};
use hpa_nn::{BatchNormMode, Course, Curve, Freeze, Monitor, Plateau, Sizes};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// How the learning rate moves, what learns, which weights are kept, when training ends.
#[derive(clap::Args, Clone, Debug, Serialize)]
#[command(next_help_heading = "Schedule and loop")]
pub struct CourseSettings {
    /// Largest rate of the first of three layer groups (early body, late body, head); the middle
    /// one gets the geometric mean of the ends [default: as the head]
    #[arg(long, value_name = "RATE", value_parser = in_range_f64(1e-12..=100.0))]
    pub first_group_learning_rate: Option<f64>,
    /// First epochs in which only the head learns, with a run of the schedule of their own
    #[arg(long, default_value_t = 0, value_parser = in_range::<usize>(0..=9999))]
    pub freeze_epochs: usize,
    /// Largest rate of those epochs [default: max-learning-rate]
    #[arg(long, value_name = "RATE", value_parser = in_range_f64(1e-9..=100.0))]
    pub freeze_learning_rate: Option<f64>,
    /// Batch norms of a frozen body: fixed (running statistics, no gradient) or training
    #[arg(long, default_value = "fixed")]
    pub freeze_norms: BatchNormMode,
    /// Least rate of the cosine and of the plateau
    #[arg(long, default_value_t = 0.0, value_parser = in_range_f64(0.0..=100.0))]
    pub min_learning_rate: f64,
    /// cosine-restarts: epochs until the first restart
    #[arg(long, default_value_t = 10, value_parser = in_range::<usize>(1..=10_000))]
    pub restart_epochs: usize,
    /// cosine-restarts: how many times as long each cycle is as the one before
    #[arg(long, default_value_t = 1, value_parser = in_range::<usize>(1..=100))]
    pub restart_factor: usize,
    /// step: epochs between two steps
    #[arg(long, default_value_t = 10, value_parser = in_range::<usize>(1..=10_000))]
    pub step_epochs: usize,
    /// step: what each step multiplies the rate by
    #[arg(long, default_value_t = 0.1, value_parser = in_range_f64(1e-6..=1.0))]
    pub step_factor: f64,
    /// plateau: epochs without improvement that are borne
    #[arg(long, default_value_t = 2, value_parser = in_range::<usize>(0..=10_000))]
    pub plateau_patience: usize,
    /// plateau: what the rate is then multiplied by
    #[arg(long, default_value_t = 0.1, value_parser = in_range_f64(1e-6..=0.999_999))]
    pub plateau_factor: f64,
    /// What plateau and early-stop watch: valid-loss or macro-f1
    #[arg(long, default_value = "valid-loss")]
    pub monitor: Monitor,
    /// End after so many epochs in a row without improvement; 0: never
    #[arg(long, default_value_t = 0, value_parser = in_range::<usize>(0..=10_000))]
    pub early_stop: usize,
    /// Batches whose averaged gradients make one step
    #[arg(long, default_value_t = 1, value_parser = in_range::<usize>(1..=1024))]
    pub accumulate: usize,
    /// Shorten gradients to this length; 0: never
    #[arg(long, default_value_t = 0.0, value_parser = in_range_f64(0.0..=1e6))]
    pub clip_norm: f64,
    /// Score and keep a moving average of the weights with this decay; 0: the weights themselves
    #[arg(long, default_value_t = 0.0, value_parser = in_range_f64(0.0..=0.999_999))]
    pub ema_decay: f64,
    /// Progressive sizes, PX:EPOCHS one after the other (48:4,56:2), then the stored size
    #[arg(long, value_name = "PX:EPOCHS,…", default_value = "")]
    pub sizes: Sizes,
}

impl Default for CourseSettings {
    fn default() -> Self {
        let command = clap::Command::new("defaults").no_binary_name(true);
        let matches = <Self as clap::Args>::augment_args(command).get_matches_from([""; 0]);
        Self::from_arg_matches(&matches).expect("every flag has a default or is optional")
    }
}

impl CourseSettings {
    /// What the trainer needs.
    #[must_use]
    pub fn course(&self) -> Course {
        Course {
            first_group_learning_rate: self.first_group_learning_rate,
            freeze: Freeze {
                epochs: self.freeze_epochs,
                learning_rate: self.freeze_learning_rate,
                norms: self.freeze_norms,
            },
            curve: Curve {
                min_learning_rate: self.min_learning_rate,
                restart_epochs: self.restart_epochs,
                restart_factor: self.restart_factor,
                step_epochs: self.step_epochs,
                step_factor: self.step_factor,
            },
            plateau: Plateau { patience: self.plateau_patience, factor: self.plateau_factor },
            monitor: self.monitor,
            early_stop: self.early_stop,
            accumulate: self.accumulate,
            clip_norm: self.clip_norm,
            ema_decay: self.ema_decay,
            sizes: self.sizes,
        }
    }

    /// Refuses settings that contradict each other.
    pub(crate) fn check(&self, epochs: usize, max_learning_rate: f64) -> anyhow::Result<()> {
        if self.freeze_epochs >= epochs {
            bail!(
                "freeze_epochs {} leaves no epoch of {epochs} to train the body\n  help: freeze fewer epochs than there are",
                self.freeze_epochs
            );
        }
        if self.sizes.epochs() > epochs {
            bail!(
                "sizes {} takes {} epochs, but there are {epochs}\n  help: raise epochs or shorten sizes",
                self.sizes,
                self.sizes.epochs()
            );
        }
        if self.min_learning_rate > max_learning_rate {
            bail!(
                "min_learning_rate {} is above max_learning_rate {max_learning_rate}\n  help: lower it",
                self.min_learning_rate
            );
        }
        match self.first_group_learning_rate {
            Some(first) if first > max_learning_rate => bail!(
                "first_group_learning_rate {first} is above max_learning_rate {max_learning_rate}, the head's\n  help: give the early body the smaller one"
            ),
            _ => Ok(()),
        }
    }

    /// The settings that are not at their default, as keys of a map.
    pub(crate) fn only_changed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = |settings: &Self| -> Result<Map<String, Value>, S::Error> {
            match serde_json::to_value(settings).map_err(serde::ser::Error::custom)? {
                Value::Object(map) => Ok(map),
                _ => Ok(Map::new()),
            }
        };
        let default = map(&Self::default())?;
        let changed = map(self)?.into_iter().filter(|(key, value)| default.get(key) != Some(value));
        changed.collect::<Map<_, _>>().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Whole {
        epochs: usize,
        #[serde(flatten, serialize_with = "CourseSettings::only_changed")]
        course: CourseSettings,
    }

    fn recorded(course: CourseSettings) -> String {
        serde_json::to_string(&Whole { epochs: 3, course }).unwrap()
    }

    #[test]
    fn settings_at_their_default_are_not_recorded_and_others_are() {
        let default = CourseSettings::default();
        assert_eq!(recorded(default.clone()), r#"{"epochs":3}"#);
        assert_eq!(default.course(), Course::default());
        let changed = CourseSettings {
            ema_decay: 0.99,
            sizes: "48:2".parse().unwrap(),
            first_group_learning_rate: Some(1e-5),
            ..default
        };
        let text = recorded(changed);
        for entry in [r#""ema_decay":0.99"#, r#""sizes":"48:2""#, r#""first_group_learning_rate":"#]
        {
            assert!(text.contains(entry), "{text}");
        }
        assert!(!text.contains("clip_norm"), "{text}");
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |change: fn(&mut CourseSettings)| {
            let mut settings = CourseSettings::default();
            change(&mut settings);
            settings.check(4, 1e-3).map_err(|error| error.to_string())
        };
        assert_eq!(refused(|_| ()), Ok(()));
        let error = refused(|it| it.freeze_epochs = 4).unwrap_err();
        assert!(error.contains("leaves no epoch"), "{error}");
        let error = refused(|it| it.sizes = "48:5".parse().unwrap()).unwrap_err();
        assert!(error.contains("48:5 takes 5 epochs"), "{error}");
        assert!(refused(|it| it.min_learning_rate = 1.0).is_err());
        assert!(refused(|it| it.first_group_learning_rate = Some(0.1)).is_err());
    }
}

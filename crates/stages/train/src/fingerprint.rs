//! The fingerprint of a run's configuration, by which a checkpoint is recognized as up to date.

use crate::args::RENAMED;
use hpa_artifacts::CheckpointMeta;
use hpa_nn::{LrFinder, TrainConfig};
use serde::Serialize;
use serde_json::{Map, Value};

/// What decides a checkpoint or a learning rate curve, apart from its inputs.
#[derive(Serialize)]
pub(crate) struct ConfigFingerprint<'a> {
    #[serde(flatten)]
    pub(crate) config: &'a TrainConfig,
    pub(crate) fold: u64,
    #[serde(flatten)]
    pub(crate) finder: Option<&'a LrFinder>,
}

impl ConfigFingerprint<'_> {
    /// Whether a checkpoint was trained with this configuration and held-out fold.
    ///
    /// Settings are compared after their keys are renamed, and settings that a checkpoint does not
    /// record had their default.
    pub(crate) fn matches(&self, meta: &CheckpointMeta) -> bool {
        // Read back as well, so that both are rounded by the same parser.
        let settings = serde_json::to_string(self.config);
        let settings = settings.and_then(|text| serde_json::from_str::<TrainConfig>(&text));
        let recorded = recorded_config(&meta.settings);
        u64::from(meta.fold) == self.fold
            && matches!((settings, recorded), (Ok(now), Ok(recorded)) if now == recorded)
    }
}

/// The configuration that a checkpoint of this or an earlier version records.
fn recorded_config(settings: &Value) -> serde_json::Result<TrainConfig> {
    let new_key = |key: &String| {
        let renamed = RENAMED.iter().find(|(old, _)| old.replace('-', "_") == *key);
        renamed.map_or_else(|| key.clone(), |(_, new)| new.replace('-', "_"))
    };
    let entries = settings.as_object().into_iter().flatten();
    let renamed: Map<_, _> = entries.map(|(key, value)| (new_key(key), value.clone())).collect();
    serde_json::from_value(Value::Object(renamed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_nn::{Architecture, BatchNormMode, ScheduleKind};

    /// The `hpa` entry of a version-1 checkpoint, with a setting under each of the old keys.
    const VERSION_1: &str = include_str!("../tests/golden/checkpoint_v1.json");

    fn version_1_config() -> TrainConfig {
        let mut config = TrainConfig::new(Architecture::ResNet18);
        config.model.pretrained = true;
        config.run.epochs = 2;
        config.run.batch_size = 2;
        config.run.gradient_accumulation_steps = 2;
        config.run.early_stopping_patience = 5;
        config.run.ema_decay = 0.9;
        config.run.progressive_resize = "32:1".parse().unwrap();
        config.optimizer.grad_clip_norm = 1.5;
        config.schedule.kind = ScheduleKind::Step;
        config.schedule.max_learning_rate = 0.0001;
        config.schedule.body_learning_rate = Some(0.000_03);
        config.schedule.lr_gamma = 0.7;
        config.schedule.cosine_t0 = 3;
        config.schedule.cosine_t_mult = 2;
        config.freeze.epochs = 1;
        config.freeze.batch_norm = BatchNormMode::Training;
        config.loss.label_weights = "log".parse().unwrap();
        config.augment.d4 = true;
        config.augment.rotate_degrees = 30.0;
        config.augment.probability = 0.6;
        config.augment.channel_gain = 0.1;
        config.augment.crop_scale = 0.6;
        config.augment.crop_ratio = 1.7;
        config.augment.cutout_holes = 1;
        config.augment.cutout_size = 0.3;
        config
    }

    #[test]
    fn a_version_1_checkpoint_is_recognized_by_its_renamed_settings() {
        let meta: CheckpointMeta = serde_json::from_str(VERSION_1).unwrap();
        let config = version_1_config();
        let matches = |config: &TrainConfig, fold| {
            ConfigFingerprint { config, fold, finder: None }.matches(&meta)
        };
        assert!(matches(&config, 1));
        assert!(!matches(&config, 0), "another fold");
        let mut other = config.clone();
        other.augment.crop_ratio = 1.8;
        assert!(!matches(&other, 1));
        other = config;
        other.loss.gamma = 1.0;
        assert!(!matches(&other, 1));
    }

    #[test]
    fn a_setting_that_is_not_recorded_had_its_default() {
        let meta: CheckpointMeta = serde_json::from_str(VERSION_1).unwrap();
        assert!(meta.settings.get("label_smoothing").is_none());
        let mut config = version_1_config();
        config.loss.label_smoothing = 0.1;
        assert!(!ConfigFingerprint { config: &config, fold: 1, finder: None }.matches(&meta));
    }
}

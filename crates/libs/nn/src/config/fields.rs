//! The settings as a list: key, description, default and range, read from the serde schema.

use super::{
    AugmentConfig, ConfigError, FreezeConfig, LoopConfig, LossConfig, ModelConfig, OptimizerConfig,
    SamplerConfig, ScheduleConfig, TrainConfig,
};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// One setting.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its TOML key.
    pub key: String,
    /// Its flag: the key with `-` for `_`.
    pub flag: String,
    /// Heading in `--help` and in `docs/training.md`.
    pub section: &'static str,
    /// What it does, in one line.
    pub description: String,
    /// Its default as text; none where it is required or derived from another setting.
    pub default: Option<String>,
    /// Whether it must be given.
    pub is_required: bool,
    /// Type and range.
    pub kind: FieldKind,
}

/// Type and range of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Integer(RangeInclusive<u64>),
    /// A number.
    Number(RangeInclusive<f64>),
    /// One of these words.
    Choice(Vec<String>),
    /// Text with a syntax of its own.
    Text,
}

/// All settings, by section.
#[must_use]
pub fn fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        [
            section::<ModelConfig>("Network"),
            section::<LoopConfig>("Training loop"),
            section::<OptimizerConfig>("Optimizer"),
            section::<ScheduleConfig>("Learning rate schedule"),
            section::<FreezeConfig>("Freezing"),
            section::<LossConfig>("Loss"),
            section::<SamplerConfig>("Sampling"),
            section::<AugmentConfig>("Augmentation"),
        ]
        .concat()
    });
    &FIELDS
}

fn section<T: JsonSchema>(title: &'static str) -> Vec<Field> {
    let settings = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |key: &String| required.is_some_and(|it| it.iter().any(|it| it == key));
    let field = |(key, schema): (&String, &Value)| Field {
        key: key.clone(),
        flag: key.replace('_', "-"),
        section: title,
        description: schema["description"].as_str().unwrap_or_default().replace('\n', " "),
        default: plain(&schema["default"]),
        is_required: is_required(key),
        kind: kind(schema),
    };
    let mut fields: Vec<Field> = properties.into_iter().flatten().map(field).collect();
    fields.sort_by(|a, b| a.key.cmp(&b.key));
    fields
}

fn kind(schema: &Value) -> FieldKind {
    let choices: Vec<String> = match (schema["enum"].as_array(), schema["oneOf"].as_array()) {
        (Some(names), _) => names.iter().filter_map(plain).collect(),
        // Variants with a description of their own; those without one share an `enum`.
        (None, Some(variants)) => {
            let names = |variant: &Value| match variant["enum"].as_array() {
                Some(names) => names.iter().filter_map(plain).collect(),
                None => plain(&variant["const"]).into_iter().collect::<Vec<_>>(),
            };
            variants.iter().flat_map(names).collect()
        }
        (None, None) => Vec::new(),
    };
    // An optional setting has the types of its value and `null`.
    let type_name = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    let (minimum, maximum) = (&schema["minimum"], &schema["maximum"]);
    match type_name {
        Some("boolean") => FieldKind::Switch,
        Some("integer") => {
            FieldKind::Integer(whole(minimum).unwrap_or(0)..=whole(maximum).unwrap_or(u64::MAX))
        }
        Some("number") => FieldKind::Number(
            minimum.as_f64().unwrap_or(f64::MIN)..=maximum.as_f64().unwrap_or(f64::MAX),
        ),
        _ if !choices.is_empty() => FieldKind::Choice(choices),
        _ => FieldKind::Text,
    }
}

/// A whole number that the schema may have as a float.
fn whole(value: &Value) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range ends")]
    value.as_u64().or_else(|| value.as_f64().map(|number| number as u64))
}

/// Text, numbers and switches without quotes.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(switch) => Some(switch.to_string()),
        Value::Number(number) if number.is_f64() => number.as_f64().map(|it| it.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Field {
    /// Parses and checks a value.
    ///
    /// # Errors
    /// When the text is not a value of this setting; the message names what is expected.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let value = match &self.kind {
            FieldKind::Switch => text.parse().map(Value::Bool).ok(),
            FieldKind::Integer(_) => text.parse::<u64>().ok().map(Value::from),
            FieldKind::Number(_) => text.parse::<f64>().ok().map(Value::from),
            FieldKind::Choice(_) | FieldKind::Text => Some(Value::from(text)),
        };
        let value = value.ok_or_else(|| format!("expected {}", self.range()))?;
        self.check(&value)?;
        // Settings with a syntax of their own are checked by their type.
        let mut settings = Map::from_iter([("architecture".to_owned(), "resnet18".into())]);
        settings.insert(self.key.clone(), value.clone());
        let checked = serde_json::from_value::<TrainConfig>(Value::Object(settings));
        checked.map(|_| value).map_err(|error| error.to_string())
    }

    /// Checks that a value lies in the range; NaN lies in none.
    fn check(&self, value: &Value) -> Result<(), String> {
        let is_in_range = match &self.kind {
            FieldKind::Integer(range) => value.as_u64().is_some_and(|it| range.contains(&it)),
            FieldKind::Number(range) => value.as_f64().is_some_and(|it| range.contains(&it)),
            FieldKind::Choice(names) => names.iter().any(|name| Some(&**name) == value.as_str()),
            FieldKind::Switch | FieldKind::Text => true,
        };
        if is_in_range { Ok(()) } else { Err(format!("out of range: expected {}", self.range())) }
    }

    /// The values that it may have.
    #[must_use]
    pub fn range(&self) -> String {
        match &self.kind {
            FieldKind::Switch => "true or false".to_owned(),
            FieldKind::Integer(range) if *range.end() == u64::MAX => {
                format!("{} to 2^64 - 1", range.start())
            }
            FieldKind::Integer(range) => format!("{} to {}", range.start(), range.end()),
            FieldKind::Number(range) => {
                // 1e-12 instead of 0.000000000001
                let text = |value: f64| {
                    if value > 0.0 && value < 1e-3 {
                        format!("{value:e}")
                    } else {
                        value.to_string()
                    }
                };
                format!("{} to {}", text(*range.start()), text(*range.end()))
            }
            FieldKind::Choice(names) => match names.as_slice() {
                [first, second] => format!("{first} or {second}"),
                names => format!("one of {}", names.join(", ")),
            },
            FieldKind::Text => String::new(),
        }
    }
}

/// Checks every setting against its range.
pub(super) fn check_ranges(config: &TrainConfig) -> Result<(), ConfigError> {
    let settings = serde_json::to_value(config).unwrap_or_default();
    for field in fields() {
        // Unset optional settings are left out.
        let Some(value) = settings.get(&field.key) else { continue };
        field.check(value).map_err(|reason| ConfigError::OutOfRange {
            key: &field.key,
            value: plain(value).unwrap_or_default(),
            reason,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(key: &str) -> &'static Field {
        fields().iter().find(|field| field.key == key).unwrap()
    }

    #[test]
    fn fields_have_description_default_and_range() {
        assert!(fields().iter().all(|field| !field.description.is_empty()), "{:?}", fields());
        assert_eq!(field("epochs").default.as_deref(), Some("20"));
        assert_eq!(field("epochs").kind, FieldKind::Integer(1..=10_000));
        assert_eq!(field("max_learning_rate").default.as_deref(), Some("0.002"));
        assert_eq!(field("max_learning_rate").kind, FieldKind::Number(1e-9..=100.0));
        assert_eq!(field("body_learning_rate").kind, FieldKind::Number(1e-12..=100.0));
        assert_eq!(field("body_learning_rate").default, None);
        assert_eq!(field("seed").kind, FieldKind::Integer(0..=u64::MAX));
        assert_eq!(field("d4").kind, FieldKind::Switch);
        assert_eq!(field("precision").range(), "f32 or bf16");
        assert_eq!(field("schedule").default.as_deref(), Some("one-cycle"));
        let schedules = "one of one-cycle, constant, cosine-restarts, step, plateau";
        assert_eq!(field("schedule").range(), schedules);
        assert_eq!(field("label_weights").default.as_deref(), Some("none"));
        assert_eq!(field("progressive_resize").default.as_deref(), Some(""));
        assert_eq!(field("architecture").default, None);
        let required = fields().iter().filter(|field| field.is_required);
        assert!(required.map(|field| &field.key).eq(["architecture"]));
    }

    #[test]
    fn values_are_parsed_and_refused_with_what_is_expected() {
        let parse = |key: &str, text: &str| field(key).parse(text);
        assert_eq!(parse("epochs", "3"), Ok(3.into()));
        assert_eq!(parse("seed", "18446744073709551615"), Ok(u64::MAX.into()));
        assert_eq!(parse("mixup", "0"), Ok(0.0.into()));
        for (key, text, expected) in [
            ("epochs", "0", "expected 1 to 10000"),
            ("epochs", "x", "expected 1 to 10000"),
            ("ema_decay", "1", "expected 0 to 0.999999"),
            ("ema_decay", "NaN", "expected 0 to 0.999999"),
            ("precision", "f16", "expected f32 or bf16"),
            ("mixup", "0.001", "0.01 to 4"),
            ("progressive_resize", "48", "expected PX:EPOCHS"),
            ("label_weights", "x", "expected none, median-frequency"),
            ("architecture", "densenet", "expected one of resnet18, resnet34"),
        ] {
            let error = parse(key, text).unwrap_err();
            assert!(error.contains(expected), "{key} {text}: {error}");
        }
    }
}

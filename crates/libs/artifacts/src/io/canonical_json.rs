//! Canonical JSON: equal settings have equal bytes and so equal digests.

use serde::Serialize;
use serde_json::Value;

/// The value as JSON without spaces, the keys of every object in byte order.
///
/// # Panics
/// When the value cannot be JSON at all: a map with keys other than strings.
#[must_use]
pub fn canonical_json(value: &impl Serialize) -> String {
    sorted(serde_json::to_value(value).expect("settings are plain JSON")).to_string()
}

/// Sorted here, because `serde_json` keeps the order of insertion when any crate of the build enables
/// its feature `preserve_order`.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = serde_json::json!({"b": {"z": 1, "a": 2}, "a": [{"d": 0, "c": 0.5}]});
        assert_eq!(canonical_json(&value), r#"{"a":[{"c":0.5,"d":0}],"b":{"a":2,"z":1}}"#);
    }
}

//! What differs between the spec that a job runs and the one at hand, key by key.
//!
//! Both are canonical (every default filled in), so a default that is written out is no difference.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// As a spec spells it: `[[change]] 1 up`, `backfill.max_parallel`.
    pub key: String,
    /// In the job.
    pub old: Option<String>,
    /// In the file.
    pub new: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not there)".to_owned());
        write!(f, "{}: {} -> {}", self.key, shown(&self.old), shown(&self.new))
    }
}

/// Every key whose value differs, in the order of the keys.
#[must_use]
pub fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let (old, new) = (flat(old), flat(new));
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| old.get(*key) != new.get(*key))
        .map(|key| Difference {
            key: key.clone(),
            old: old.get(key).cloned(),
            new: new.get(key).cloned(),
        })
        .collect()
}

/// Whether only the load budget differs, which a running job can take over by `tune`.
#[must_use]
pub fn only_budget(differences: &[Difference]) -> bool {
    differences
        .iter()
        .all(|d| d.key.starts_with("backfill.") || d.key.starts_with("throttle."))
}

fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    walk(value, String::new(), &mut leaves);
    leaves
}

fn walk(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(entries) => {
            for (key, entry) in entries {
                walk(entry, below(&path, key), leaves);
            }
        }
        // Lists of plain values (steps, statements) are one value; only tables are walked into.
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, format!("[[{path}]] {}", index + 1), leaves);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            leaves.insert(path, value.to_string());
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else if path.starts_with("[[") {
        format!("{path} {key}")
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(old: &Value, new: &Value) -> Vec<String> {
        differences(old, new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_changed_key_is_shown_with_both_values() {
        let old = json!({ "name": "a", "change": [{ "kind": "add_column", "up": "x / 1000" }], "flip": { "steps": [1, 100] } });
        let new = json!({ "name": "a", "change": [{ "kind": "add_column", "up": "x / 60", "down": "y" }], "flip": { "steps": [100] } });
        assert_eq!(
            shown(&old, &new),
            [
                "[[change]] 1 down: (not there) -> \"y\"",
                "[[change]] 1 up: \"x / 1000\" -> \"x / 60\"",
                "flip.steps: [1,100] -> [100]",
            ]
        );
    }

    #[test]
    fn equal_specs_do_not_differ_whatever_the_order_of_their_keys() {
        assert_eq!(
            shown(
                &json!({ "a": 1, "b": { "c": 2 } }),
                &json!({ "b": { "c": 2 }, "a": 1 })
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_difference_in_the_budget_alone_is_told_apart() {
        let old = json!({ "name": "a", "backfill": { "max_parallel": 2 } });
        assert!(only_budget(&differences(
            &old,
            &json!({ "name": "a", "backfill": { "max_parallel": 4 } })
        )));
        assert!(!only_budget(&differences(
            &old,
            &json!({ "name": "b", "backfill": { "max_parallel": 4 } })
        )));
    }
}

//! A JSON Schema, draft 7, as far as SARIF's goes: slow, obvious, and it refuses a schema with a keyword that it does not know.
//!
//! Published validators were weighed: they turn features of crates on that the whole workspace would be built anew for.

use serde_json::{Map, Value};

/// Keywords that say nothing about what is valid.
const NOTES: [&str; 7] = [
    "$schema",
    "$id",
    "title",
    "description",
    "default",
    "definitions",
    "comment",
];

/// Everything that is wrong with a document, each with its place.
pub fn faults(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check {
        root: schema,
        found: &mut found,
    }
    .value(schema, document, "");
    found
}

struct Check<'a> {
    root: &'a Value,
    found: &'a mut Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, schema: &Value, value: &Value, place: &str) {
        let Some(schema) = schema.as_object() else {
            return assert_eq!(schema, true, "no schema at {place}");
        };
        for (keyword, limit) in schema {
            if NOTES.contains(&keyword.as_str()) {
                continue;
            }
            if let Some(wrong) = self.keyword(keyword, limit, schema, value, place) {
                self.found.push(format!("{place}: {wrong}"));
            }
        }
    }

    fn keyword(
        &mut self,
        keyword: &str,
        limit: &Value,
        schema: &Map<String, Value>,
        value: &Value,
        place: &str,
    ) -> Option<String> {
        let wrong = |is_wrong: bool| is_wrong.then(|| format!("{keyword} {limit}, found {value}"));
        match keyword {
            "$ref" => {
                let target = limit
                    .as_str()
                    .and_then(|name| name.strip_prefix('#'))
                    .expect("a local reference");
                let target = self.root.pointer(target).expect("what is referred to");
                self.value(target, value, place);
                None
            }
            "type" => {
                let allowed: Vec<&str> = limit
                    .as_str()
                    .into_iter()
                    .chain(limit.as_array().into_iter().flatten().filter_map(Value::as_str))
                    .collect();
                wrong(!allowed.iter().any(|name| is(name, value)))
            }
            "enum" => wrong(!limit.as_array().expect("a list").contains(value)),
            "anyOf" | "oneOf" => {
                let fits = limit
                    .as_array()
                    .expect("a list")
                    .iter()
                    .filter(|one| faults_below(self.root, one, value).is_empty())
                    .count();
                wrong(fits == 0 || (keyword == "oneOf" && fits > 1))
            }
            "not" => wrong(faults_below(self.root, limit, value).is_empty()),
            "required" => {
                let object = value.as_object()?;
                let missing = limit
                    .as_array()
                    .expect("a list")
                    .iter()
                    .filter_map(Value::as_str)
                    .find(|key| !object.contains_key(*key))?;
                Some(format!("{missing} is missing"))
            }
            "properties" => {
                let object = value.as_object()?;
                for (key, schema) in limit.as_object().expect("an object") {
                    if let Some(value) = object.get(key) {
                        self.value(schema, value, &format!("{place}/{key}"));
                    }
                }
                None
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (key, value) in value
                    .as_object()?
                    .iter()
                    .filter(|(key, _)| !known.is_some_and(|known| known.contains_key(*key)))
                {
                    if limit == false {
                        return Some(format!("{key} is not known"));
                    }
                    self.value(limit, value, &format!("{place}/{key}"));
                }
                None
            }
            "items" => {
                for (index, one) in value.as_array()?.iter().enumerate() {
                    self.value(limit, one, &format!("{place}/{index}"));
                }
                None
            }
            "minItems" => wrong((value.as_array()?.len() as u64) < limit.as_u64()?),
            "uniqueItems" => {
                let items = value.as_array()?;
                wrong(
                    items
                        .iter()
                        .enumerate()
                        .any(|(index, one)| items[..index].contains(one)),
                )
            }
            "minimum" => wrong(value.as_f64()? < limit.as_f64()?),
            "maximum" => wrong(value.as_f64()? > limit.as_f64()?),
            "format" => wrong(!has_format(limit.as_str()?, value.as_str()?)),
            "pattern" => panic!("{place}: nothing that is written here has a pattern: {limit}"),
            _ => panic!("{place}: {keyword} is not known"),
        }
    }
}

fn faults_below(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check {
        root,
        found: &mut found,
    }
    .value(schema, value, "");
    found
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => panic!("type {name} is not known"),
    }
}

fn has_format(name: &str, text: &str) -> bool {
    let is_uri = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
        && text.split('%').skip(1).all(|after| {
            after
                .get(..2)
                .is_some_and(|code| u8::from_str_radix(code, 16).is_ok())
        });
    match name {
        "uri" => {
            is_uri
                && text
                    .split_once(':')
                    .is_some_and(|(scheme, _)| scheme.chars().all(char::is_alphanumeric))
        }
        "uri-reference" => is_uri,
        _ => panic!("format {name} is not known"),
    }
}

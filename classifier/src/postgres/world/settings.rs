//! Settings of the session: timeouts, time zone, search path.

use super::World;
use crate::Facts;
use crate::postgres::action::{Scope, Setting};

impl World {
    /// SET, RESET. SET LOCAL outside of a transaction does nothing.
    pub(super) fn set(&mut self, setting: &Setting, in_transaction: bool) {
        match setting {
            Setting::Set { name, values, scope } => {
                let to = match scope {
                    Scope::Local if !in_transaction => return,
                    Scope::Local => &mut self.locals,
                    Scope::Session => {
                        self.locals.remove(name);
                        &mut self.settings
                    }
                };
                to.insert(name.clone(), values.clone());
            }
            Setting::Reset { name } => {
                self.settings.remove(name);
                self.locals.remove(name);
            }
            Setting::ResetAll => {
                for name in self.names() {
                    self.settings.remove(&name);
                    self.locals.remove(&name);
                }
            }
            Setting::Discard => {}
        }
    }

    fn names(&self) -> Vec<String> {
        self.settings
            .iter()
            .chain(self.locals.iter())
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn setting(&self, name: &str) -> Option<&[String]> {
        let value = self.locals.get(name).or_else(|| self.settings.get(name))?;
        (!value.is_empty()).then_some(value.as_slice())
    }

    /// A timeout in milliseconds; None: none, which is the default.
    pub(crate) fn timeout(&self, name: &str) -> Option<u64> {
        let value = self.setting(name)?.first()?;
        milliseconds(value).filter(|it| *it > 0)
    }

    /// Where a name without a schema is looked for.
    pub(crate) fn search_path(&self, facts: Option<&Facts>) -> Vec<String> {
        let of_script = self.setting("search_path").map(<[String]>::to_vec);
        let path = of_script
            .or_else(|| facts.map(|it| it.search_path.clone()))
            .unwrap_or_default();
        let path: Vec<String> = path
            .into_iter()
            .filter(|it| !it.is_empty() && it != "$user")
            .collect();
        if path.is_empty() {
            vec!["public".to_owned()]
        } else {
            path
        }
    }

    /// The session's time zone is one of those whose times are those of UTC.
    pub(crate) fn is_utc(&self, facts: Option<&Facts>) -> bool {
        let of_script = self
            .setting("timezone")
            .and_then(|it| it.first())
            .map(String::as_str);
        let zone = of_script.or_else(|| facts.map(|it| it.timezone.as_str()));
        zone.is_some_and(|zone| {
            let zone = zone.to_ascii_lowercase();
            matches!(
                zone.as_str(),
                "utc"
                    | "gmt"
                    | "etc/utc"
                    | "etc/gmt"
                    | "uct"
                    | "etc/uct"
                    | "zulu"
                    | "universal"
                    | "0"
                    | "utc0"
                    | "gmt0"
            )
        })
    }
}

/// `2s`, `500ms`, `1min`; without a unit it is milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" | "ms" => 1.0,
        "us" => 0.001,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    // A float is cut to the range of the integer, never out of it.
    Some((number * factor).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_with_its_unit() {
        let cases = [
            ("2s", Some(2_000)),
            ("500", Some(500)),
            ("1min", Some(60_000)),
            ("0", Some(0)),
            ("soon", None),
            ("1 h", Some(3_600_000)),
        ];
        for (text, expected) in cases {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}

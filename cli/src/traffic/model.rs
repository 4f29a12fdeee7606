//! What each row must hold: the last acknowledged write, by key.

use std::collections::BTreeMap;

/// What the traffic writes, as text; None is NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The old side of the migration.
    pub old: Option<String>,
    /// The new side, if the table says what it is.
    pub new: Option<String>,
    /// A column that the migration does not touch.
    pub other: Option<String>,
}

/// Which sides the table has at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only the old one.
    Old,
    /// Both.
    Both,
    /// Only the new one.
    New,
}

/// Rows by key; None: it must not exist.
#[derive(Clone, Debug, Default)]
pub struct Model {
    rows: BTreeMap<i64, Option<Payload>>,
}

impl Model {
    /// The row exists with this content.
    pub fn put(&mut self, key: i64, payload: Payload) {
        self.rows.insert(key, Some(payload));
    }

    /// The row is gone.
    pub fn remove(&mut self, key: i64) {
        self.rows.insert(key, None);
    }

    /// What the row holds.
    #[must_use]
    pub fn get(&self, key: i64) -> Option<&Payload> {
        self.rows.get(&key)?.as_ref()
    }

    /// The keys it knows about, those of gone rows included.
    pub fn keys(&self) -> impl Iterator<Item = i64> {
        self.rows.keys().copied()
    }

    /// How many rows must be there.
    #[must_use]
    pub fn living(&self) -> usize {
        self.rows.values().flatten().count()
    }

    /// How many rows it knows about, gone ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// It knows about no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes over another one; writers have disjoint keys.
    pub fn absorb(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }

    /// Where the found rows are not what they must be, one sentence a row.
    #[must_use]
    pub fn differences(&self, found: &BTreeMap<i64, Payload>, shape: Shape) -> Vec<String> {
        let rows = self.rows.iter().map(|(key, row)| {
            let expected = row.clone().map(|payload| Payload {
                old: payload.old.filter(|_| shape != Shape::New),
                new: payload.new.filter(|_| shape != Shape::Old),
                other: payload.other,
            });
            (key, expected)
        });
        rows.filter(|(key, expected)| found.get(key) != expected.as_ref())
            .map(|(key, expected)| format!("{key}: {:?} instead of {expected:?}", found.get(key)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(old: &str) -> Payload {
        Payload {
            old: Some(old.to_owned()),
            new: Some("what nobody looks at".to_owned()),
            other: None,
        }
    }

    #[test]
    fn lost_overwritten_and_resurrected_rows_are_found() {
        let mut model = Model::default();
        model.put(1, payload("a"));
        model.put(2, payload("b"));
        model.put(3, payload("c"));
        model.remove(4);
        let read = |old: &str| Payload {
            new: None,
            ..payload(old)
        };
        let found = BTreeMap::from([
            (1, read("a")),
            (2, read("stale")),
            (4, read("ghost")),
            (9, read("x")),
        ]);
        let faults = model.differences(&found, Shape::Old);
        assert_eq!(
            faults.iter().map(|f| &f[..1]).collect::<Vec<_>>(),
            ["2", "3", "4"]
        );
    }
}

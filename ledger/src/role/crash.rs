//! Places where a test lets the process die, to prove that dying there loses nothing.
//!
//! `SLUICE_CRASH_AT=batch.before_commit:3` aborts the process when it comes to that place for the third time. Without the
//! variable a point costs one comparison. It aborts rather than panics: no destructor runs, as with SIGKILL.
//! `SLUICE_PANIC_AT` panics instead, as a bug would.
//!
//! Points: `batch.before_commit`, `batch.after_commit`, `chunk.before_event`, `chunk.before_ack`,
//! `step.before_commit`, `step.after_commit`, `check.begun`, `publish.before`, `publish.before_mark`, `publish.after_mark`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

struct Wanted {
    name: String,
    hits_left: AtomicU32,
}

impl Wanted {
    fn is_met(&self, name: &str) -> bool {
        self.name == name && self.hits_left.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

static CRASH: OnceLock<Option<Wanted>> = OnceLock::new();
static PANIC: OnceLock<Option<Wanted>> = OnceLock::new();

/// Dies here if the environment asks for it.
///
/// # Panics
/// If the environment asks for that.
pub fn point(name: &str) {
    let met = |wanted: &OnceLock<Option<Wanted>>, variable: &str| {
        let wanted = wanted.get_or_init(|| std::env::var(variable).ok().map(|text| read(&text)));
        wanted.as_ref().is_some_and(|wanted| wanted.is_met(name))
    };
    if met(&CRASH, "SLUICE_CRASH_AT") {
        tracing::error!(point = name, "SLUICE_CRASH_AT: dying here as asked");
        std::process::abort();
    }
    assert!(
        !met(&PANIC, "SLUICE_PANIC_AT"),
        "SLUICE_PANIC_AT: as asked, at {name}"
    );
}

fn read(text: &str) -> Wanted {
    let (name, hits) = text.split_once(':').unwrap_or((text, "1"));
    Wanted {
        name: name.to_owned(),
        hits_left: AtomicU32::new(hits.parse().unwrap_or(1).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_named_with_or_without_a_count() {
        for (text, name, hits) in [
            ("batch.before_commit", "batch.before_commit", 1),
            ("a:3", "a", 3),
            ("a:0", "a", 1),
            ("a:x", "a", 1),
        ] {
            let wanted = read(text);
            assert_eq!(
                (wanted.name.as_str(), wanted.hits_left.into_inner()),
                (name, hits),
                "{text}"
            );
        }
    }
}

//! Places where a test lets the process die, to prove that dying there loses nothing.
//!
//! `SLUICE_CRASH_AT=batch.before_commit:3` aborts the process when it comes to that place for the third time. Without the
//! variable a point costs one comparison. It aborts rather than panics: no destructor runs, as with SIGKILL.
//!
//! Points: `batch.before_commit`, `batch.after_commit`, `chunk.before_event`, `chunk.before_ack`,
//! `step.before_commit`, `step.after_commit`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

struct Wanted {
    name: String,
    hits_left: AtomicU32,
}

static WANTED: OnceLock<Option<Wanted>> = OnceLock::new();

/// Dies here if the environment asks for it.
pub(crate) fn point(name: &str) {
    let wanted = WANTED.get_or_init(|| std::env::var("SLUICE_CRASH_AT").ok().map(|text| read(&text)));
    if let Some(wanted) = wanted
        && wanted.name == name
        && wanted.hits_left.fetch_sub(1, Ordering::AcqRel) == 1
    {
        tracing::error!(point = name, "SLUICE_CRASH_AT: dying here as asked");
        std::process::abort();
    }
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

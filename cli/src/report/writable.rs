//! Whether a report can be written to a file: asked before a migration, because after it nobody wants to hear no.

use std::fs::OpenOptions;
use std::path::Path;

use crate::error::Error;

/// Refuses a path that cannot be written. A file that is there keeps its content; one that is not is not left behind.
///
/// # Errors
/// [`Error::File`].
pub fn writable(path: &Path) -> Result<(), Error> {
    let was_there = path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|source| Error::File {
        path: path.to_owned(),
        doing: "written",
        source,
    })?;
    if !was_there && let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "the empty file stays until the report is written");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_tried_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("report.json");
        writable(&new).unwrap();
        assert!(!new.exists());
        std::fs::write(&new, "kept").unwrap();
        writable(&new).unwrap();
        assert_eq!(std::fs::read_to_string(&new).unwrap(), "kept");
        for bad in [
            folder.path().to_owned(),
            folder.path().join("no/such/folder.json"),
        ] {
            let error = writable(&bad).unwrap_err().to_string();
            assert!(error.contains("cannot be written"), "{error}");
        }
    }
}

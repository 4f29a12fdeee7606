//! Reading a spec from its file; `-` is standard input.

use std::io::Read;
use std::path::Path;

use planner::spec::Spec;

use crate::error::Error;

/// Reads and parses a spec.
///
/// # Errors
/// [`Error::File`] or [`Error::Spec`], with every fault.
pub fn read(path: &Path) -> Result<Spec, Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        doing: "read",
        source,
    };
    let (text, name) = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        (text, "<stdin>".to_owned())
    } else {
        (
            std::fs::read_to_string(path).map_err(failed)?,
            path.display().to_string(),
        )
    };
    Spec::from_toml(&text, &name).map_err(Error::Spec)
}

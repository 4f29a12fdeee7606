//! From what the command line names to the files that are read, in the order in which their tool runs them.
//!
//! Folders are walked with everything below them, but for what is hidden and what is behind a link to a folder. A file that is named itself is read
//! whatever it is called.

use std::fs::{self, DirEntry};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use classifier::script::Side;

use super::alembic;
use super::judge::unreadable;
use super::layout::{self, Key};
use super::record::Unreadable;

/// Folders below folders; more is a mistake of somebody's.
const DEEPEST: usize = 64;
/// As much of a Python file as says whether it is a migration, in bytes.
const HEAD: u64 = 64 << 10;

/// Something to classify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is called in the output.
    pub name: String,
    /// Where it is.
    pub input: Input,
    /// What is in it.
    pub form: Form,
    /// Which direction it begins with.
    pub side: Side,
}

impl Source {
    /// Standard input is read once for all.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn keep_stdin(&mut self) -> io::Result<()> {
        if self.input == Input::Stdin {
            let mut text = Vec::new();
            io::stdin().lock().read_to_end(&mut text)?;
            self.input = Input::Text(text);
        }
        Ok(())
    }
}

/// Where a script comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input, which can be read once: from its beginning.
    Stdin,
    /// What was read of standard input, where it is read more than once.
    Text(Vec<u8>),
    /// A file.
    Path(PathBuf),
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// SQL.
    Sql,
    /// A migration of Alembic, in Python.
    Alembic,
}

/// All files that a path of the command line means; what cannot be read is in its place among them.
pub fn sources(path: &Path) -> Vec<Result<Source, Unreadable>> {
    if path.as_os_str() == "-" {
        return vec![Ok(Source {
            name: "<stdin>".to_owned(),
            input: Input::Stdin,
            form: Form::Sql,
            side: Side::Up,
        })];
    }
    if path.is_dir() {
        let mut found = Vec::new();
        folder(path, 0, &mut found);
        return found;
    }
    // Named by a person: it is read, even if it is the way back.
    vec![Ok(Source {
        side: Side::Up,
        ..source(path, form(path).unwrap_or(Form::Sql))
    })]
}

fn source(path: &Path, form: Form) -> Source {
    Source {
        name: path.display().to_string(),
        input: Input::Path(path.to_owned()),
        form,
        side: layout::side(&name(path)),
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn form(path: &Path) -> Option<Form> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "sql" => Some(Form::Sql),
        "py" => Some(Form::Alembic),
        _ => None,
    }
}

fn folder(path: &Path, depth: usize, found: &mut Vec<Result<Source, Unreadable>>) {
    let mut refuse =
        |message: String| found.push(Err(unreadable(&path.display().to_string(), None, message)));
    if depth > DEEPEST {
        return refuse(format!("it is more than {DEEPEST} folders deep"));
    }
    let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>) {
        Ok(entries) => entries,
        Err(error) => return refuse(error.to_string()),
    };
    // What lies here comes before what lies below.
    let mut entries: Vec<(bool, Key, PathBuf)> = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| !name(path).starts_with('.'))
        .map(|path| {
            let is_folder = path.is_dir() && !path.is_symlink();
            (is_folder, layout::key(&name(&path)), path)
        })
        .collect();
    entries.sort();
    let migrations = chain(&entries);
    for (is_folder, _, path) in &entries {
        if *is_folder {
            folder(path, depth + 1, found);
        } else if form(path) == Some(Form::Sql) && path.is_file() {
            found.push(Ok(source(path, Form::Sql)));
        }
    }
    found.extend(migrations.iter().map(|path| Ok(source(path, Form::Alembic))));
}

/// The migrations of Alembic in a folder, each behind the one that it names as the one before it.
fn chain(entries: &[(bool, Key, PathBuf)]) -> Vec<PathBuf> {
    let heads = entries
        .iter()
        .filter(|(is_folder, _, path)| !is_folder && form(path) == Some(Form::Alembic))
        .filter_map(|(_, _, path)| Some((path.clone(), alembic::head(&beginning(path)?)?)));
    alembic::in_order(heads.collect())
}

/// A file that cannot be read is no migration of Alembic as far as can be told, and Python is not what was asked for.
fn beginning(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(HEAD)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

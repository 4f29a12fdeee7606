//! The outputs: each writes what it is told at once, and holds nothing back.

use std::io::{self, Write};

use super::record::{Record, Unreadable};
use super::{Totals, github, human, json, sarif};

/// How statements are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: what is wrong, where, and what to write instead.
    #[default]
    Human,
    /// Every statement, as one JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
}

/// Writes one run.
pub struct Printer<W> {
    format: Format,
    out: W,
    /// Nothing stands in the current list yet.
    is_first: bool,
    faults: Vec<Unreadable>,
}

impl<W: Write> Printer<W> {
    /// Begins.
    ///
    /// # Errors
    /// It cannot be written; so of all the others.
    pub fn begin(format: Format, mut out: W) -> io::Result<Self> {
        match format {
            Format::Json => json::begin(&mut out)?,
            Format::Sarif => sarif::begin(&mut out)?,
            Format::Human | Format::Github => {}
        }
        Ok(Self {
            format,
            out,
            is_first: true,
            faults: Vec::new(),
        })
    }

    /// Tells a statement.
    ///
    /// # Errors
    /// See [`Self::begin`].
    pub fn statement(&mut self, record: &Record<'_>) -> io::Result<()> {
        match self.format {
            Format::Human => human::statement(&mut self.out, record),
            Format::Json => json::statement(&mut self.out, record, &mut self.is_first),
            Format::Sarif => sarif::statement(&mut self.out, record, &mut self.is_first),
            Format::Github => github::statement(&mut self.out, record),
        }
    }

    /// Tells a file that cannot be read.
    ///
    /// # Errors
    /// See [`Self::begin`].
    pub fn fault(&mut self, fault: Unreadable) -> io::Result<()> {
        match self.format {
            Format::Human => human::fault(&mut self.out, &fault)?,
            Format::Github => github::fault(&mut self.out, &fault)?,
            Format::Sarif => sarif::fault(&mut self.out, &fault, &mut self.is_first)?,
            Format::Json => {}
        }
        self.faults.push(fault);
        Ok(())
    }

    /// Ends.
    ///
    /// # Errors
    /// See [`Self::begin`].
    pub fn end(mut self, totals: &Totals) -> io::Result<()> {
        match self.format {
            Format::Human | Format::Github => writeln!(self.out, "{}", totals.line())?,
            Format::Json => json::end(&mut self.out, &self.faults, totals)?,
            Format::Sarif => sarif::end(&mut self.out, &self.faults)?,
        }
        self.out.flush()
    }
}

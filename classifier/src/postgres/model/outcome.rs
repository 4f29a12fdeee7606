//! The outcome of a statement, and how it is put together.

use crate::postgres::action::{Expression, Name, Volatility};
use crate::postgres::world::{World, from_catalog};
use crate::postgres::{Assumption, lookup};
use crate::{Effect, Facts, Lock, Phase, TableLock, facts};

/// What a statement does, and what its risk is computed from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// For the verdict.
    pub(crate) effect: Effect,
    /// What was not known.
    pub(crate) assumed: Vec<Assumption>,
    /// The tables of the locks, as the catalog knows them; in the order of the locks.
    pub(crate) tables: Vec<String>,
    /// What takes as long as a table is large.
    pub(crate) work: Vec<Work>,
    /// Running code that uses what was there fails: something that others use is gone or has another name.
    pub(crate) breaks: bool,
    /// Reads wait although no table is locked against them: an index is, which every plan opens.
    pub(crate) blocks_plans: bool,
}

/// Work on one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// As the catalog knows it; None: the database was not asked, or does not know it.
    pub(crate) table: Option<String>,
    /// What.
    pub(crate) kind: WorkKind,
}

/// What is done to every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WorkKind {
    /// Read once.
    Scan,
    /// Read, sorted and written to an index.
    BuildIndex,
    /// Written anew, with all indexes.
    Rewrite,
}

/// An outcome that grows.
pub(super) struct Build<'a> {
    pub(super) world: &'a World,
    pub(super) facts: Option<&'a Facts>,
    pub(super) version: u32,
    outcome: Outcome,
    /// Identity of the table of each lock.
    locked: Vec<Name>,
}

impl<'a> Build<'a> {
    pub(super) fn new(world: &'a World, facts: Option<&'a Facts>) -> Self {
        Self {
            world,
            facts,
            version: super::version(facts),
            outcome: Outcome {
                effect: Effect::nothing(Phase::Neutral),
                assumed: Vec::new(),
                tables: Vec::new(),
                work: Vec::new(),
                breaks: false,
                blocks_plans: false,
            },
            locked: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Outcome {
        self.outcome.tables = self.locked.iter().map(ToString::to_string).collect();
        self.outcome
    }

    /// The worst phase of all parts stands.
    pub(super) fn phase(&mut self, phase: Phase) {
        let rank = |phase| match phase {
            Phase::Neutral => 0,
            Phase::Expand => 1,
            Phase::Data => 2,
            Phase::Contract => 3,
            Phase::Unknown => 4,
        };
        if rank(phase) > rank(self.outcome.effect.phase) {
            self.outcome.effect.phase = phase;
        }
    }

    /// Contract, unless the script has created the table: then nobody uses the old shape.
    pub(super) fn tightens(&mut self, table: &Name) {
        self.phase(if self.is_new(table) {
            Phase::Expand
        } else {
            Phase::Contract
        });
    }

    /// Contract, and what runs now fails.
    pub(super) fn breaks(&mut self, table: &Name) {
        self.tightens(table);
        self.outcome.breaks |= !self.is_new(table);
    }

    pub(super) fn is_new(&self, table: &Name) -> bool {
        self.world.is_new(self.facts, table)
    }

    /// What the database says of the table.
    pub(super) fn table(&self, name: &Name) -> Option<&'a facts::Table> {
        self.world.table(self.facts, name).map(|(_, table)| table)
    }

    /// The same; where nothing is said of a table that was there before, what hangs on it is in doubt.
    pub(super) fn table_or_doubt(&mut self, name: &Name) -> Option<&'a facts::Table> {
        let found = self.table(name);
        if found.is_none() && !self.is_new(name) {
            self.assume(Assumption::DependentsUnknown {
                table: name.to_string(),
            });
        }
        found
    }

    /// Takes a lock, unless nobody else knows the table; the strongest on each table stands.
    pub(super) fn lock(&mut self, table: &Name, mode: Lock) {
        if !self.is_new(table) {
            self.lock_as(self.world.identity(self.facts, table), table.to_string(), mode);
        }
    }

    /// The same of a table that the catalog names.
    pub(super) fn lock_catalog(&mut self, table: &str, mode: Lock) {
        self.lock_as(from_catalog(table), table.to_owned(), mode);
    }

    fn lock_as(&mut self, identity: Name, table: String, mode: Lock) {
        let at = self.locked.iter().position(|it| *it == identity);
        match at.and_then(|at| self.outcome.effect.locks.get_mut(at)) {
            Some(lock) => lock.mode = lock.mode.max(mode),
            None => {
                self.locked.push(identity);
                self.outcome.effect.locks.push(TableLock { table, mode });
            }
        }
    }

    /// Takes a lock on the table and on its partitions.
    pub(super) fn lock_tree(&mut self, table: &Name, mode: Lock) {
        self.lock(table, mode);
        for partition in self.partitions(table) {
            self.lock_catalog(partition, mode);
        }
    }

    /// The partitions that the database knows, of all levels.
    pub(super) fn partitions(&self, table: &Name) -> &'a [String] {
        self.table(table).map_or(&[], |it| &it.partitions)
    }

    /// Every row is read.
    pub(super) fn scan(&mut self, table: &Name) {
        self.work(table, WorkKind::Scan);
    }

    /// Every row is read, to build an index.
    pub(super) fn build_index(&mut self, table: &Name) {
        self.work(table, WorkKind::BuildIndex);
    }

    /// The table gets a new file, with every row.
    pub(super) fn rewrite(&mut self, table: &Name) {
        self.work(table, WorkKind::Rewrite);
    }

    /// The table gets a new file, and no row is read.
    pub(super) fn new_file(&mut self, table: &Name) {
        self.outcome.effect.rewrites_table |= !self.is_new(table);
    }

    fn work(&mut self, table: &Name, kind: WorkKind) {
        if self.is_new(table) {
            return;
        }
        self.work_somewhere(kind);
        if let Some(work) = self.outcome.work.last_mut() {
            work.table = self
                .world
                .table(self.facts, table)
                .map(|(name, _)| name.to_owned());
        }
        for partition in self.partitions(table) {
            self.work_on_catalog(partition, kind);
        }
    }

    /// Work on a table that the catalog names.
    pub(super) fn work_on_catalog(&mut self, table: &str, kind: WorkKind) {
        self.work_somewhere(kind);
        if let Some(work) = self.outcome.work.last_mut() {
            work.table = Some(table.to_owned());
        }
    }

    /// Work on tables of which only the database knows the names.
    pub(super) fn work_somewhere(&mut self, kind: WorkKind) {
        let effect = &mut self.outcome.effect;
        effect.scans_table = true;
        effect.rewrites_table |= kind == WorkKind::Rewrite;
        self.outcome.work.push(Work { table: None, kind });
    }

    /// Not inside of a transaction block.
    pub(super) fn alone(&mut self) {
        self.outcome.effect.transactional = false;
    }

    pub(super) fn blocks_plans(&mut self) {
        self.outcome.blocks_plans = true;
    }

    pub(super) fn assume(&mut self, assumption: Assumption) {
        if !self.outcome.assumed.contains(&assumption) {
            self.outcome.assumed.push(assumption);
        }
    }

    /// It must be evaluated for each row, as far as anybody knows.
    pub(super) fn is_volatile(&mut self, expression: &Expression) -> bool {
        match lookup::volatility(self.facts, expression) {
            Volatility::Constant | Volatility::Stable => false,
            Volatility::Volatile => true,
            Volatility::Unknown => {
                for function in &expression.unknown_functions {
                    self.assume(Assumption::FunctionUnknown {
                        function: function.to_string(),
                    });
                }
                true
            }
        }
    }
}

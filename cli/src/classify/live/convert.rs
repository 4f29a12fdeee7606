//! What the engine found of a live database, as the classifier takes it: neither crate knows the other.

use classifier::{Facts, facts};
use engine::postgres::live_facts::{self, LiveFacts};

/// The same facts. A time zone that could not be told stays empty, which is not UTC to anybody.
#[must_use]
pub fn for_classifier(live: LiveFacts) -> Facts {
    Facts {
        version: live.version,
        timezone: live.timezone.unwrap_or_default(),
        search_path: live.search_path,
        oldest_transaction: live.oldest_transaction,
        replicas: live.replicas,
        tables: live
            .tables
            .into_iter()
            .map(|(name, one)| (name, table(one)))
            .collect(),
        functions: live.functions,
        constrained_domains: live.constrained_domains,
    }
}

fn table(live: live_facts::Table) -> facts::Table {
    facts::Table {
        bytes: live.bytes,
        index_bytes: live.index_bytes,
        rows: live.rows,
        writes_per_second: live.writes_per_second,
        partitioned: live.partitioned,
        partitions: live.partitions,
        default_partition: live.default_partition,
        columns: live
            .columns
            .into_iter()
            .map(|(name, one)| (name, column(one)))
            .collect(),
        constraints: live
            .constraints
            .into_iter()
            .map(|(name, one)| (name, constraint(one)))
            .collect(),
        indexes: live.indexes,
        publications: live.publications,
        dependents: live.dependents,
        referenced_by: live.referenced_by,
    }
}

fn column(live: live_facts::Column) -> facts::Column {
    facts::Column {
        type_name: live.type_name,
        not_null: live.not_null,
        used_by: live.used_by,
    }
}

fn constraint(live: live_facts::Constraint) -> facts::Constraint {
    facts::Constraint {
        kind: live.kind,
        valid: live.valid,
        definition: live.definition,
        references: live.references,
        columns: live.columns,
    }
}

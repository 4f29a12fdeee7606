//! `sql`: the author's own statements in a stage. Never classified, so it waits for an approval.

use serde_json::{Value, json};

use super::KIND;
use crate::spec::section::Section;
use crate::spec::{Code, Form, Key, Presence};

/// For the reference page.
pub(crate) const STORY: &str = "Runs SQL that nobody has classified: its risk is `unknown`, and the stage waits for an approval that names it. It must be \
additive: the application runs on while it is in place.";

/// Its keys.
pub(crate) const KEYS: &[Key] = &[
    KIND,
    Key {
        name: "stage",
        form: Form::Text,
        presence: Presence::Default("\"expand\""),
        meaning: "When it runs; `expand` is the only stage so far.",
    },
    Key {
        name: "run",
        form: Form::Texts,
        presence: Presence::Required,
        meaning: "The statements.",
    },
    Key {
        name: "undo",
        form: Form::Texts,
        presence: Presence::Optional,
        meaning: "The statements that take it back with `rollback --discard`. Without it, it stays.",
    },
    Key {
        name: "done",
        form: Form::Text,
        presence: Presence::Optional,
        meaning: "A query that answers one boolean: has `run` already happened? Required without a transaction.",
    },
    Key {
        name: "transaction",
        form: Form::Boolean,
        presence: Presence::Default("true"),
        meaning: "Run all statements in one transaction with a short lock timeout. `false` is for one statement that refuses \
a transaction, such as CREATE INDEX CONCURRENTLY; it runs without lock timeout, watched.",
    },
    Key {
        name: "table",
        form: Form::Text,
        presence: Presence::Optional,
        meaning: "The table it is about, so that one long operation runs at a time a table.",
    },
];

/// The author's own SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSql {
    /// The statements.
    pub run: Vec<String>,
    /// The statements that take it back.
    pub undo: Option<Vec<String>>,
    /// Has it already happened?
    pub done: Option<String>,
    /// Whether the statements share a transaction.
    pub transaction: Transaction,
    /// The table it is about.
    pub table: Option<String>,
}

/// Whether statements share a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// All in one.
    Together,
    /// One statement outside of any.
    Outside,
}

impl RawSql {
    pub(crate) fn read(keys: &mut Section<'_>) -> Option<Self> {
        if let Some(stage) = keys.text("stage")
            && stage != "expand"
        {
            let message =
                format!("found {stage:?}, expected \"expand\", the only stage that runs raw SQL so far");
            keys.refuse("stage", Code::Value, message);
        }
        let run = keys.texts("run");
        let undo = keys.texts("undo");
        let done = keys.text("done");
        let transaction = if keys.boolean("transaction")? {
            Transaction::Together
        } else {
            Transaction::Outside
        };
        let table = keys.text("table");
        if transaction == Transaction::Outside && !keys.has("done") {
            let message = "without a transaction nobody can tell after a crash whether it already happened; give `done`, a query that \
                           answers one boolean";
            keys.refuse("done", Code::Contradiction, message.to_owned());
        }
        Some(Self {
            run: run?,
            undo,
            done,
            transaction,
            table,
        })
    }

    pub(crate) fn canonical(&self) -> Value {
        let together = self.transaction == Transaction::Together;
        let mut value = json!({ "kind": "sql", "stage": "expand", "run": self.run, "transaction": together });
        if let Some(undo) = &self.undo {
            value["undo"] = json!(undo);
        }
        for (key, text) in [("done", &self.done), ("table", &self.table)] {
            if let Some(text) = text {
                value[key] = text.clone().into();
            }
        }
        value
    }
}

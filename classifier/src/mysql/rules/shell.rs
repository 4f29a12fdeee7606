//! Command lines of the tools that change a table beside the application, quoted for a shell.
//!
//! Both copy the table in small pieces and swap the copies at the end; gh-ost follows the binary log, pt-online-schema-change installs
//! triggers. gh-ost does not work on tables with foreign keys or triggers.

use super::super::Flavor;
use super::super::action::{Alter, Clause};
use crate::Safer;

/// The tool that fits, with the clauses of the statement.
pub(super) fn online_tool(alter: &Alter, flavor: Flavor) -> Safer {
    let keys = alter
        .clauses
        .iter()
        .any(|clause| matches!(clause, Clause::AddForeignKey { .. } | Clause::DropForeignKey(_)));
    let command = match flavor {
        Flavor::MySql if !keys => ghost(alter),
        Flavor::MySql | Flavor::MariaDb => toolkit(alter),
    };
    Safer::Command(command)
}

fn ghost(alter: &Alter) -> String {
    let schema = database(alter);
    format!(
        "gh-ost --host=REPLICA --database={schema} --table={} --alter={} --max-lag-millis=1500 --cut-over-lock-timeout-seconds=3 --execute",
        word(&alter.table.name),
        word(&alter.text)
    )
}

fn toolkit(alter: &Alter) -> String {
    let schema = database(alter);
    format!(
        "pt-online-schema-change --alter {} --alter-foreign-keys-method auto --set-vars lock_wait_timeout=5 --max-lag 1 --execute D={schema},t={}",
        word(&alter.text),
        word(&alter.table.name)
    )
}

fn database(alter: &Alter) -> String {
    alter
        .table
        .schema
        .as_deref()
        .map_or_else(|| "DATABASE".to_owned(), word)
}

/// One word of a shell, in quotes where it needs them.
pub(super) fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if plain {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_cannot_leave_its_quotes() {
        assert_eq!(word("a_b"), "a_b");
        assert_eq!(word("a'; rm -rf $HOME"), r"'a'\''; rm -rf $HOME'");
        assert_eq!(word(""), "''");
    }
}

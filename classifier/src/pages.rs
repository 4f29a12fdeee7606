//! The pages of all rules of all dialects.

use crate::{Code, Page, allow, mysql, postgres, script, sqlite_script};

/// Every page, by its code. Where several dialects have a rule in common, its page is there once.
#[must_use]
pub fn all() -> Vec<Page> {
    let mut pages = vec![
        allow::MISWRITTEN,
        allow::UNUSED,
        script::UNREADABLE,
        script::UNREAD_COMMAND,
        script::MADE_BY_CODE,
        script::UNREADABLE_FILE,
        postgres::style::PAGE,
    ];
    // The examples of a page in common are those of the dialect that comes first.
    pages.extend(postgres::rules::all().iter().map(|rule| rule.page));
    pages.extend(mysql::rules::all().iter().map(|rule| rule.page));
    pages.extend(sqlite_script::rules::all().iter().map(|rule| rule.page));
    pages.sort_by_key(|page| page.code);
    pages.dedup_by_key(|page| page.code);
    pages
}

/// The page of a code; None: no rule has it.
#[must_use]
pub fn of(code: Code) -> Option<Page> {
    all().into_iter().find(|page| page.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_something() {
        for page in all() {
            assert!(!page.title.is_empty() && page.why.len() > 80, "{}", page.code);
            assert!(!page.title.ends_with('.'), "{}", page.code);
        }
        assert!(of(Code(1)).is_none());
    }
}

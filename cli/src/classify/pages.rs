//! The page of a code, as Markdown: for `docs/findings`, for `sluice explain`, and for code scanning services.

use classifier::{Page, allow, script};

/// One page.
#[must_use]
pub fn markdown(page: &Page) -> String {
    let mut text = format!(
        "# {}: {}\n\nRisk: {}.\n\n{}\n",
        page.code,
        page.title,
        page.risk.as_str(),
        page.why
    );
    if !page.example.is_empty() {
        text.push_str(&format!("\n## Example\n\n{}", block(page.example)));
    }
    if !page.safer.is_empty() {
        text.push_str(&format!("\n## Instead\n\n{}", block(page.safer)));
    }
    if [
        allow::MISWRITTEN.code,
        allow::UNUSED.code,
        script::UNREADABLE_FILE.code,
    ]
    .contains(&page.code)
    {
        return text;
    }
    text.push_str(&format!(
        "\n## To accept it\n\n{}",
        block(&format!("-- sluice: allow {} REASON", page.code))
    ));
    text
}

fn block(text: &str) -> String {
    let is_spec = text.contains("[[change]]");
    let is_command = ["pt-online-schema-change", "gh-ost"]
        .iter()
        .any(|tool| text.contains(tool));
    let language = match (is_spec, is_command) {
        (true, _) => "toml",
        (false, true) => "sh",
        (false, false) => "sql",
    };
    format!("```{language}\n{}\n```\n", text.trim_end())
}

/// The list of all pages, for `docs/findings/README.md`.
#[must_use]
pub fn index(pages: &[Page]) -> String {
    let mut text = "# Findings of `sluice classify`\n\nGenerated from the rules (`UPDATE_DOCS=1 cargo test -p cli` writes these pages anew); do not edit them by hand.\n\n\
        | code | risk | what was found |\n| --- | --- | --- |\n"
        .to_owned();
    for page in pages {
        let code = page.code;
        text.push_str(&format!(
            "| [{code}]({code}.md) | {} | {} |\n",
            page.risk.as_str(),
            page.title
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn expected() -> BTreeMap<String, String> {
        let pages = classifier::pages::all();
        let files = pages
            .iter()
            .map(|page| (format!("{}.md", page.code), markdown(page)));
        files.chain([("README.md".to_owned(), index(&pages))]).collect()
    }

    fn found(folder: &Path) -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read_to_string(entry.path()).unwrap())
            })
            .collect()
    }

    #[test]
    fn there_is_a_page_of_every_code_and_it_is_what_the_rule_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/findings");
        let expected = expected();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            for name in found(&folder).keys().filter(|name| !expected.contains_key(*name)) {
                std::fs::remove_file(folder.join(name)).unwrap();
            }
            for (name, text) in &expected {
                std::fs::write(folder.join(name), text).unwrap();
            }
        }
        let found = found(&folder);
        let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(&found),
            names(&expected),
            "docs/findings is stale: UPDATE_DOCS=1 cargo test -p cli"
        );
        for (name, text) in &expected {
            assert_eq!(
                found.get(name),
                Some(text),
                "docs/findings/{name} is stale: UPDATE_DOCS=1 cargo test -p cli"
            );
        }
    }
}

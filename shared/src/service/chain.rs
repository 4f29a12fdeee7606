//! What a person reads of an error: it and its causes, said once, where it is handled.

/// An error with its causes, on one line where the causes are. A cause that repeats what was said is left out.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = without_source_line(error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        let words = without_source_line(cause.to_string());
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// What the database driver says of a server's error ends in ` at line 334`: a line of the *server's* source code, which
/// everybody takes for one of their own file. What parsers say goes on with a column and is left as it is.
fn without_source_line(mut text: String) -> String {
    const BEFORE: &str = " at line ";
    if let Some(at) = text.rfind(BEFORE) {
        let number = &text[at + BEFORE.len()..];
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            text.truncate(at);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the letter was not sent")]
    struct NotSent(#[source] std::io::Error);

    #[test]
    fn causes_follow_what_they_caused() {
        let error = NotSent(std::io::Error::other("the box is full"));
        assert_eq!(chain(&error), "the letter was not sent: the box is full");
        assert_eq!(chain(&std::io::Error::other("alone")), "alone");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("not sent: {0}")]
    struct Repeating(#[source] std::io::Error);

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let error = Repeating(std::io::Error::other("the box is full"));
        assert_eq!(chain(&error), "not sent: the box is full");
    }

    #[test]
    fn a_line_of_the_servers_source_is_left_out_and_one_of_a_document_is_not() {
        let said = |text: &str| chain(&NotSent(std::io::Error::other(text.to_owned())));
        assert_eq!(
            said("permission denied for schema sluice at line 3655"),
            "the letter was not sent: permission denied for schema sluice"
        );
        for kept in ["expected value at line 1 column 2", "nothing at line "] {
            assert_eq!(said(kept), format!("the letter was not sent: {kept}"));
        }
    }
}

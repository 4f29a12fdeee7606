//! Colors: what is good, what waits, what is wrong. Whoever writes takes them away again where they do not belong.
//!
//! [`crate::out`] writes through `anstream`, which drops them on a pipe, with `NO_COLOR`, and where `TERM` is `dumb`. A color only
//! repeats what a word says.

use anstyle::{AnsiColor, Style};
use ledger::JobState;

/// What a text tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Somebody or some time is waited for.
    Waits,
    /// Wrong, or stopped.
    Bad,
}

impl Tone {
    /// A state in which a job comes to rest; None for those that it passes through.
    #[must_use]
    pub fn of(state: JobState) -> Option<Self> {
        match state {
            JobState::Verified | JobState::Done | JobState::RolledBack => Some(Self::Good),
            JobState::ContractReady | JobState::Paused => Some(Self::Waits),
            JobState::Held | JobState::Failed | JobState::Aborted => Some(Self::Bad),
            _ => None,
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Self::Good => AnsiColor::Green,
            Self::Waits => AnsiColor::Yellow,
            Self::Bad => AnsiColor::Red,
        };
        color.on_default()
    }
}

/// A text in the color of its tone.
#[must_use]
pub fn painted(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_color_goes_around_the_words_and_leaves_them() {
        let text = painted(Tone::Bad, "BROKEN");
        assert_ne!(text, "BROKEN");
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "BROKEN");
        assert_eq!(Tone::of(JobState::Held), Some(Tone::Bad));
        assert_eq!(Tone::of(JobState::Backfilling), None);
    }
}

//! Waiting for a condition, never for a while.

use std::time::Duration;

use anyhow::bail;

/// Pause between two looks: short beside what tests wait for, long beside what a look costs.
const PAUSE: Duration = Duration::from_millis(50);

/// What one look at a condition saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<T> {
    /// It holds, and this came of it.
    There(T),
    /// It does not hold yet; what was seen instead, for the failure's message.
    NotYet(String),
}

/// What a look may return: [`Look`], `Option` or `bool`.
pub trait Seen {
    /// What comes of it when the condition holds.
    type Value;

    /// The same as a [`Look`].
    fn look(self) -> Look<Self::Value>;
}

impl<T> Seen for Look<T> {
    type Value = T;

    fn look(self) -> Look<T> {
        self
    }
}

impl<T> Seen for Option<T> {
    type Value = T;

    fn look(self) -> Look<T> {
        self.map_or_else(|| Look::NotYet("nothing".to_owned()), Look::There)
    }
}

impl Seen for bool {
    type Value = ();

    fn look(self) -> Look<()> {
        if self {
            Look::There(())
        } else {
            Look::NotYet("false".to_owned())
        }
    }
}

/// Looks again and again until the condition holds. An error of a look counts as "not yet": a server
/// that is restarting refuses connections.
///
/// # Errors
/// It does not hold in time: says what was waited for and the last state seen.
pub async fn until<S, E>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Result<S, E>,
) -> anyhow::Result<S::Value>
where
    S: Seen,
    E: std::fmt::Display,
{
    let mut last = "not even one look finished".to_owned();
    let looking = async {
        loop {
            match look().await.map(Seen::look) {
                Ok(Look::There(value)) => return value,
                Ok(Look::NotYet(state)) => last = state,
                Err(error) => last = format!("error: {error:#}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(timeout, looking).await {
        Ok(value) => Ok(value),
        Err(_) => bail!("{what}: not within {timeout:?}; last seen: {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_seen_last_is_in_the_failure() {
        let never = || async { Ok::<_, anyhow::Error>(Look::<()>::NotYet("3 of 5 rows".to_owned())) };
        let error = until("all rows", Duration::from_millis(60), never)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("all rows") && error.to_string().ends_with("3 of 5 rows"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_condition_that_comes_true_ends_the_wait() {
        let mut looks = 0;
        let third = async || {
            looks += 1;
            Ok::<_, anyhow::Error>((looks == 3).then_some(looks))
        };
        assert_eq!(
            until("the third look", Duration::from_secs(5), third)
                .await
                .unwrap(),
            3
        );
    }
}

//! HTTP checks by freno's convention: `HEAD` answers 200 (go on), 429 (throttle), or anything else, which is no answer.
//!
//! <https://github.com/github/freno/blob/master/doc/http.md>: 404 and 500 mean that freno itself does not know, so nothing may be written.

use engine::signal::{Kind, Reading};
use futures_util::future::join_all;
use ledger::role::site::Site;
use secrecy::{ExposeSecret, SecretString};
use shared::clock::within;
use shared::settings::TargetThrottle;

use super::SAMPLE_LIMIT;

/// Answers that are one.
const ANSWERS: [u16; 2] = [200, 429];

/// The checks of a target.
pub(super) struct Checks {
    client: Option<reqwest::Client>,
    urls: Vec<(String, SecretString)>,
}

impl Checks {
    pub(super) fn begin(throttle: &TargetThrottle) -> Self {
        let urls = throttle.checks.iter();
        Self {
            // Where somebody is sent on to is not who was configured.
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .ok(),
            urls: urls.map(|(name, url)| (name.clone(), url.clone())).collect(),
        }
    }

    /// Asks all of them at once.
    pub(super) async fn sample(&self, site: &Site) -> Vec<Reading> {
        let asking = self.urls.iter().map(async |(name, url)| {
            let answer = within(&*site.clock, SAMPLE_LIMIT, self.ask(url)).await;
            let answer =
                answer.unwrap_or_else(|| Err(format!("no answer within {} s", SAMPLE_LIMIT.as_secs())));
            judged(name, answer)
        });
        join_all(asking).await
    }

    async fn ask(&self, url: &SecretString) -> Result<u16, String> {
        let client = self.client.as_ref().ok_or("there is no HTTP client")?;
        let answer = client.head(url.expose_secret()).send().await;
        // Without its URL, which may hold a password.
        let answer = answer.map_err(|error| shared::service::chain(&error.without_url()))?;
        Ok(answer.status().as_u16())
    }
}

fn judged(name: &str, answer: Result<u16, String>) -> Reading {
    match answer {
        Ok(status) if ANSWERS.contains(&status) => Reading::of(Kind::Check, name, f64::from(status)),
        Ok(status) => Reading::problem(
            Kind::Check,
            name,
            format!("it answers {status}, which is neither 200 (go on) nor 429 (throttle)"),
        ),
        Err(why) => Reading::problem(Kind::Check, name, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_and_429_are_answers() {
        assert_eq!(judged("f", Ok(200)).value, Some(200.0));
        assert_eq!(judged("f", Ok(429)).value, Some(429.0));
        for status in [204, 301, 404, 417, 500, 503] {
            let reading = judged("f", Ok(status));
            assert!(
                reading.value.is_none() && reading.problem.is_some(),
                "{reading:?}"
            );
        }
        assert!(judged("f", Err("refused".to_owned())).problem.is_some());
    }
}

//! One HTTP request to a server of this machine, by hand: a test asks `/readyz`, the testbed asks RabbitMQ.

use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer takes milliseconds; a frozen process gives none.
const PATIENCE: Duration = Duration::from_secs(20);

/// A status and the body that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Such as 503.
    pub status: u16,
    /// As text.
    pub body: String,
}

/// Asks for `path` at `port` of 127.0.0.1.
///
/// # Errors
/// Nobody listens there, or no HTTP answer comes in time.
pub async fn get(port: u16, path: &str) -> anyhow::Result<Answer> {
    request(port, &format!("GET {path}"), "", "").await
}

/// `line` is method and path; `headers` end with a line break each.
pub(crate) async fn request(port: u16, line: &str, headers: &str, body: &str) -> anyhow::Result<Answer> {
    let exchange = tokio::time::timeout(PATIENCE, exchange(port, line, headers, body)).await;
    let answer = exchange.map_err(anyhow::Error::from).flatten();
    let answer = answer.and_then(|text| parse(&text).context("not an HTTP answer"));
    answer.with_context(|| format!("{line} at port {port}"))
}

/// Version 1.0: the server closes the connection at the end of its answer.
async fn exchange(port: u16, line: &str, headers: &str, body: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let length = body.len();
    let request =
        format!("{line} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = "HTTP/1.1 503 Service Unavailable\r\na: b\r\n\r\n{\"ready\":false}";
        assert_eq!(
            parse(answer),
            Some(Answer {
                status: 503,
                body: "{\"ready\":false}".to_owned()
            })
        );
        assert_eq!(parse("SSH-2.0-OpenSSH\r\n\r\n"), None);
    }
}

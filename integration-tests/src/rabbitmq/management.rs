//! The few calls of RabbitMQ's management API that the testbed needs.

use anyhow::ensure;

use crate::http::{Answer, request};

/// The management API of one node, as its administrator.
#[derive(Debug)]
pub(super) struct Management {
    port: u16,
    password: String,
}

impl Management {
    pub(super) fn new(port: u16, password: String) -> Self {
        Self { port, password }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<String> {
        self.call("GET", path, "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> anyhow::Result<String> {
        self.call("POST", path, body).await
    }

    pub(super) async fn put(&self, path: &str, body: &str) -> anyhow::Result<()> {
        self.call("PUT", path, body).await.map(drop)
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.call("DELETE", path, "").await.map(drop)
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let secret = base64(format!("testbed:{}", self.password).as_bytes());
        let headers = format!("Authorization: Basic {secret}\r\nContent-Type: application/json\r\n");
        let Answer { status, body } = request(self.port, &format!("{method} {path}"), &headers, body).await?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path} was answered {status}: {body}"
        );
        Ok(body)
    }
}

/// RFC 4648, with padding: not worth a dependency.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = (group >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() {
                ALPHABET[sextet as usize].into()
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_vectors_of_its_rfc() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}

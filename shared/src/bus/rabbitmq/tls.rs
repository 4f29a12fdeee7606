//! TLS to the broker: whom we believe, who we are, and what it means that a handshake failed.
//!
//! An `amqps` URL is always verified: the certificate must be signed by an authority of the system or of `bus.ca_file`, and be for the
//! host of the URL. There is no switch that turns either off. The files are read once, when the bus is opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};

use super::Error;
use crate::settings::BusTls;

/// What a connection needs for its handshake. Holds our key, so it shows nothing of itself.
#[derive(Clone, Default)]
pub(super) struct Tls(Arc<OwnedTLSConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the files.
    pub(super) fn read(settings: &BusTls) -> Result<Self, Error> {
        let authorities = settings.ca_file.as_deref();
        let identity = settings.identity.as_ref();
        Ok(Self(Arc::new(OwnedTLSConfig {
            cert_chain: authorities
                .map(|path| pem("bus.ca_file", path, "CERTIFICATE"))
                .transpose()?,
            identity: identity
                .map(|(certificate, key)| {
                    Ok::<_, Error>(OwnedIdentity::PKCS8 {
                        pem: pem("bus.cert_file", certificate, "CERTIFICATE")?.into_bytes(),
                        key: pem("bus.key_file", key, "PRIVATE KEY")?.into_bytes(),
                    })
                })
                .transpose()?,
        })))
    }

    pub(super) fn config(&self) -> OwnedTLSConfig {
        (*self.0).clone()
    }
}

/// The text of a file that holds at least one section of a kind: rustls passes over what it does not know in silence.
fn pem(key: &'static str, path: &Path, kind: &str) -> Result<String, Error> {
    let fault = |why: String| Error::Certificate {
        key,
        path: path.to_owned(),
        why,
    };
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let begins = |line: &str| line.starts_with("-----BEGIN ") && line.contains(kind);
    match text.lines().any(begins) {
        true => Ok(text),
        false => Err(fault(format!(
            "it holds no {kind} in PEM (-----BEGIN {kind}-----)"
        ))),
    }
}

/// What to do about a failed handshake, by how rustls puts it.
pub(super) fn advice(said: &str) -> Option<&'static str> {
    let about = [
        (
            "UnknownIssuer",
            "nobody who is trusted here has signed the broker's certificate; name the authority's in bus.ca_file",
        ),
        (
            "not valid for name",
            "the broker's certificate is for another host; connect by a name that it is for, or give the broker one for this name",
        ),
        (
            "BadSignature",
            "another authority of the same name has signed the broker's certificate; is bus.ca_file an old one?",
        ),
        (
            "invalid peer certificate",
            "the broker's certificate cannot be used",
        ),
        (
            "InvalidContentType",
            "what answers there does not speak TLS; RabbitMQ does so at another port (5671 as a rule), once listeners.ssl is configured",
        ),
        (
            "CertificateRequired",
            "the broker asks for a certificate of ours; name it in bus.cert_file and bus.key_file",
        ),
        (
            "received fatal alert",
            "the broker does not accept us; does it believe the authority of bus.cert_file, and does it speak TLS 1.2 or 1.3?",
        ),
    ];
    about
        .into_iter()
        .find(|(word, _)| said.contains(word))
        .map(|(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_what_it_should_hold_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let tls = BusTls {
            ca_file: Some(path.clone()),
            identity: None,
        };
        let said = |tls: &BusTls| Tls::read(tls).unwrap_err().to_string();
        assert!(said(&tls).contains("bus.ca_file") && said(&tls).contains("ca.pem"));
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\n").unwrap();
        assert!(said(&tls).contains("no CERTIFICATE"), "{}", said(&tls));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(format!("{:?}", Tls::read(&tls).unwrap()), "Tls");
    }
}

//! A throw-away certificate authority: for servers that speak TLS, and for clients that must not believe them.

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

/// An authority that nobody else trusts.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    folder: TempDir,
}

/// A certificate with its key, in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The certificate of the authority that signed it.
    pub authority: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// There is no randomness, or no temporary folder.
    pub fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = named(&format!("sluice testbed {:08x}", fastrand::u32(..)));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), &pem)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
            folder,
        })
    }

    /// A certificate for a host name or an address, which may serve a server and a client.
    ///
    /// # Errors
    /// That is no host.
    pub fn issue(&self, host: &str) -> anyhow::Result<Certificate> {
        let mut params = CertificateParams::new([host.to_owned()]).with_context(|| host.to_owned())?;
        params.distinguished_name = named(host);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        Ok(Certificate {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
            authority: self.pem.clone(),
        })
    }

    /// The path of its certificate, for whoever is to trust it.
    #[must_use]
    pub fn file(&self) -> String {
        self.folder.path().join("ca.pem").to_string_lossy().into_owned()
    }

    /// Writes a certificate and its key as files, for a client; gives their paths.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn files(&self, name: &str, issued: &Certificate) -> anyhow::Result<(String, String)> {
        let at = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        std::fs::write(at("pem"), &issued.certificate)?;
        std::fs::write(at("key"), &issued.key)?;
        let path = |ending: &str| at(ending).to_string_lossy().into_owned();
        Ok((path("pem"), path("key")))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

//! TLS material: from PEM, or made for one run.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// A certification authority and one certificate of it, made on the spot, in PEM.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Certificate of the authority: what a client trusts.
    pub ca: String,
    /// Certificate of the server.
    pub certificate: String,
    /// Private key of the server (PKCS #8).
    pub key: String,
}

/// TLS cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate or key could not be made.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// PEM could not be read.
    #[error("cannot read {what} from PEM")]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the PEM text.
    #[error("no certificate in the PEM text")]
    Empty,
    /// rustls refuses the material.
    #[error("certificate or key refused")]
    Refused(#[from] rustls::Error),
}

/// Makes an authority and a server certificate for `names` (host names or numeric addresses).
///
/// Both say what their keys are for (RFC 5280 section 4.2.1.3), without which Python 3.13 and later
/// refuse them.
///
/// # Errors
///
/// [`TlsError::Make`] for a name that is none, or when there is no randomness for keys.
pub fn authority(names: &[&str]) -> Result<Authority, TlsError> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "mpws fixture authority");
    let ca_key = KeyPair::generate()?;
    let ca = params.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(params, ca_key);

    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name
        .push(DnType::CommonName, "mpws fixture");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?.pem();
    Ok(Authority {
        ca,
        certificate,
        key: key.serialize_pem(),
    })
}

/// TLS of a server, from a PEM certificate chain and a PEM private key.
///
/// # Errors
///
/// [`TlsError`]: for text that is not PEM, without a certificate, or that rustls refuses.
pub fn server(certificate: &[u8], key: &[u8]) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Pem {
        what: "the private key",
        source,
    })?;
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// TLS of a client that trusts the certificates of this PEM text and nobody else.
///
/// # Errors
///
/// As [`server`].
pub fn client(ca: &[u8]) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate)?;
    }
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem {
            what: "a certificate",
            source,
        })?;
    if found.is_empty() {
        return Err(TlsError::Empty);
    }
    Ok(found)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_certificate_is_refused() {
        assert!(matches!(client(b"nothing here"), Err(TlsError::Empty)));
    }

    #[test]
    fn a_key_that_belongs_to_another_certificate_is_refused() {
        let one = authority(&["localhost"]).expect("authority");
        let other = authority(&["localhost"]).expect("authority");
        let mixed = server(one.certificate.as_bytes(), other.key.as_bytes());
        assert!(matches!(mixed, Err(TlsError::Refused(_))), "{mixed:?}");
    }
}

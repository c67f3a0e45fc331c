//! Whom we trust: the system's store, what is compiled in where that store is empty, and `ca_file` on top.

use super::trust_issuer::Telling;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("cannot be read as PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("holds no certificate")]
    Empty,
    #[error("holds a certificate that cannot be a root")]
    NotARoot(#[source] rustls::Error),
}

/// The certificates of a PEM file, each checked to be usable.
///
/// # Errors
/// Where the file cannot be read, holds none, or holds one that cannot be a root.
pub fn extra_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(TrustError::Pem)?;
    if certificates.is_empty() {
        return Err(TrustError::Empty);
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(TrustError::NotARoot)?;
    }
    Ok(certificates)
}

/// The TLS configuration; without any root where it will not be used (`plain`), because reading the system's store
/// costs a megabyte for a moment.
///
/// # Errors
/// Where rustls cannot work with its provider or the roots: not with those compiled in.
pub fn client_config(extra: &[CertificateDer<'static>], plain: bool) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    if plain {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(extra)), provider)
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(Telling(verifier))).with_no_client_auth())
}

fn roots(extra: &[CertificateDer<'static>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    let (added, ignored) = store.add_parsable_certificates(system.certs);
    tracing::debug!(added, ignored, unreadable = system.errors.len(), "read the system's root certificates");
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store.add_parsable_certificates(extra.iter().cloned());
    store
}

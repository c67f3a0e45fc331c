//! Whom to trust when an echo service says who it is.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Verifies against the system's store, or the compiled-in one where that is empty, and `extra`. The error is for an
/// operator.
pub fn client_config(extra: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = extra {
        for certificate in from_file(path)? {
            roots.add(certificate).map_err(|error| format!("{} holds an unusable certificate: {error}", path.display()))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("could not set up TLS: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn from_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error| format!("could not read the certificates in {}: {error}", path.display());
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(format!("{} holds no certificate in PEM form", path.display()));
    }
    Ok(certificates)
}

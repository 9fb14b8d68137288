//! Which certificates are trusted.

use std::{path::Path, sync::Arc};

use hyper_rustls::ConfigBuilderExt;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::open::OpenError;

/// Trusts whom browsers trust, or whoever is in a file.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| OpenError::wrong("tls", "cannot be set up"))?;
    let builder = match ca_file {
        None => builder.with_webpki_roots(),
        Some(file) => builder.with_root_certificates(roots(file)?),
    };
    Ok(builder.with_no_client_auth())
}

pub(super) fn roots(file: &Path) -> Result<RootCertStore, OpenError> {
    let wrong = |_| OpenError::wrong("ca_file", "is no file with certificates in PEM");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(wrong)? {
        let certificate = certificate.map_err(wrong)?;
        let added = roots.add(certificate);
        added.map_err(|_| OpenError::wrong("ca_file", "holds a certificate that is none"))?;
    }
    if roots.is_empty() {
        return Err(OpenError::wrong("ca_file", "holds no certificate"));
    }
    Ok(roots)
}

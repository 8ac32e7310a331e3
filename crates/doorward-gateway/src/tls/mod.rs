//! Encryption of the HTTP door: TLS 1.3 and 1.2, nothing older, by the one provider that the project uses.
//!
//! Certificates come from PEM files, which are read again when they change, or from a certificate authority of the
//! node's own that only this machine has to trust.

mod authority;
mod certificates;

use std::sync::Arc;

use rustls::{ServerConfig, crypto::CryptoProvider, version};
use tokio_rustls::TlsAcceptor;

pub use self::{
    authority::{AuthorityError, LocalAuthority},
    certificates::{Certificates, PemFiles, TlsError},
};

/// The one cryptographic provider.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// An acceptor that answers with whatever certificate is current at each handshake.
///
/// # Errors
///
/// When the provider can't do what is asked of it, which a build of this program can't cause.
pub fn acceptor(certificates: Arc<Certificates>) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(TlsError::Provider)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

//! TLS to a host by its name, and whom DTLS is to trust.

#[cfg(feature = "turn-tls")]
mod chain;

use std::io;
use std::sync::{Arc, OnceLock};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

#[derive(Debug, Error)]
pub enum TlsError {
    #[error("there are no certificates to trust")]
    Roots,
    #[error(transparent)]
    Handshake(#[from] io::Error),
}

/// Whom to trust.
#[derive(Debug, Default)]
pub struct Trust {
    /// In DER; those of the system where there are none.
    roots: Vec<Vec<u8>>,
    /// Made at first use, as is what follows.
    verifier: OnceLock<Arc<WebPkiServerVerifier>>,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Trust {
    pub fn in_roots(roots: Vec<Vec<u8>>) -> Self {
        Self { roots, verifier: OnceLock::new(), config: OnceLock::new() }
    }

    /// Has a host show a certificate for its name or address, and encrypts. An IPv6 address may stand in brackets.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, TlsError> {
        Ok(self.connector()?.connect(server_name(host)?, stream).await?)
    }

    fn connector(&self) -> Result<TlsConnector, TlsError> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone().into());
        }
        let verifier = self.verifier()?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_webpki_verifier(verifier)
            .with_no_client_auth();
        Ok(self.config.get_or_init(|| Arc::new(config)).clone().into())
    }

    /// What judges certificates, the same for everybody who is spoken to.
    fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
        if let Some(verifier) = self.verifier.get() {
            return Ok(verifier.clone());
        }
        let mut roots = RootCertStore::empty();
        let given = self.roots.iter().map(|der| CertificateDer::from(der.as_slice()));
        match self.roots.is_empty() {
            true => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
            false => roots.add_parsable_certificates(given),
        };
        if roots.is_empty() {
            return Err(TlsError::Roots);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier = verifier.map_err(io::Error::other)?;
        Ok(self.verifier.get_or_init(|| verifier).clone())
    }
}

/// The name of a host, or its address; an IPv6 address may stand in brackets.
fn server_name(host: &str) -> io::Result<ServerName<'static>> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(host.to_owned()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_usable_root_nobody_is_trusted() {
        let trust = Trust::in_roots(vec![vec![1, 2, 3]]);
        assert!(matches!(trust.connector(), Err(TlsError::Roots)));
    }
}

//! The certificate by which a peer is known.

use ortica_core::Rng;
use ortica_core::crypto::{CryptoProvider, HashAlgorithm};
use ortica_dtls::{CertificateError, Fingerprint};
use std::sync::Arc;
use std::time::Duration;

/// A self-signed certificate with its key. Clones share it; several connections may show the same one.
///
/// Source: [webrtc-pc §4.9](https://www.w3.org/TR/webrtc/#sec.cert-mgmt)
#[derive(Clone, Debug)]
pub struct Certificate {
    inner: Arc<ortica_dtls::Certificate>,
}

impl Certificate {
    /// Makes an ECDSA P-256 key and a certificate for it, valid for 30 days. `since_unix_epoch` is the wall time now.
    ///
    /// # Errors
    /// When the provider cannot make or use a key.
    pub fn generate(
        provider: &CryptoProvider,
        rng: &mut Rng,
        since_unix_epoch: Duration,
    ) -> Result<Self, CertificateError> {
        let inner = ortica_dtls::Certificate::generate(provider, rng, since_unix_epoch)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What signaling tells the other side of it: SHA-256 over the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint(HashAlgorithm::Sha256)
    }

    /// The end of its validity, since the Unix epoch.
    pub fn expires(&self) -> Duration {
        self.inner.not_after()
    }

    pub(crate) fn inner(&self) -> &Arc<ortica_dtls::Certificate> {
        &self.inner
    }
}

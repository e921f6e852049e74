//! The certificate by which a peer is known.

use ortica_core::Rng;
use ortica_core::crypto::{CryptoProvider, HashAlgorithm, SignatureScheme};
use ortica_dtls::{CertificateError, CertificateOptions, Fingerprint};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// A self-signed certificate with its key. Clones share it; several connections may show the same one.
///
/// Source: [webrtc-pc §4.9](https://www.w3.org/TR/webrtc/#sec.cert-mgmt)
#[derive(Clone, Debug)]
pub struct Certificate {
    inner: Arc<ortica_dtls::Certificate>,
}

impl Certificate {
    /// The longest that a certificate made here is valid: 365 days, as W3C's `generateCertificate` has it.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// Makes an ECDSA P-256 key and a certificate for it, valid for 30 days. `since_unix_epoch` is the wall time now.
    ///
    /// # Errors
    /// When the provider cannot make or use a key.
    pub fn generate(
        provider: &CryptoProvider,
        rng: &mut Rng,
        since_unix_epoch: Duration,
    ) -> Result<Self, CertificateError> {
        Self::generate_with(provider, rng, since_unix_epoch, CertificateOptions::default())
    }

    /// Makes a key of the kind that the options say and a certificate for it, valid for their lifetime, and for
    /// [`MAX_LIFETIME`](Self::MAX_LIFETIME) at most. With a lifetime of zero it has expired, and no connection takes it.
    ///
    /// # Errors
    /// When the provider cannot make or use a key.
    ///
    /// Source: [webrtc-pc §4.9.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-generatecertificate)
    pub fn generate_with(
        provider: &CryptoProvider,
        rng: &mut Rng,
        since_unix_epoch: Duration,
        options: CertificateOptions,
    ) -> Result<Self, CertificateError> {
        let options = CertificateOptions { lifetime: options.lifetime.min(Self::MAX_LIFETIME), ..options };
        let inner = ortica_dtls::Certificate::generate_with(provider, rng, since_unix_epoch, options)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Takes up a certificate and its private key: what [`to_pem`](Self::to_pem) gave, or what other tools made, the key in
    /// PKCS #8 and not encrypted.
    ///
    /// # Errors
    /// When either cannot be read, or the key does not belong to the certificate.
    pub fn from_pem(provider: &CryptoProvider, pem: &str) -> Result<Self, CertificateError> {
        Ok(Self { inner: Arc::new(ortica_dtls::Certificate::from_pem(provider, pem)?) })
    }

    /// The certificate and its private key as text. Keep it secret.
    pub fn to_pem(&self) -> Zeroizing<String> {
        self.inner.to_pem()
    }

    /// What its key signs with.
    pub fn scheme(&self) -> SignatureScheme {
        self.inner.scheme()
    }

    /// What signaling tells the other side of it: SHA-256 over the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint(HashAlgorithm::Sha256)
    }

    /// The same by each hash that is told: SHA-256 alone, which every peer knows.
    ///
    /// Source: [webrtc-pc §4.9.2](https://www.w3.org/TR/webrtc/#dom-rtccertificate-getfingerprints)
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        vec![self.fingerprint()]
    }

    /// The end of its validity, since the Unix epoch.
    pub fn expires(&self) -> Duration {
        self.inner.not_after()
    }

    pub(crate) fn inner(&self) -> &Arc<ortica_dtls::Certificate> {
        &self.inner
    }
}

/// The same certificate, wherever it was taken up.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.inner.der() == other.inner.der()
    }
}

impl Eq for Certificate {}

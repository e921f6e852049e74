//! Certificates: ours, which we make and sign with, and the peer's, of which we want the key and nothing else.

mod algorithm;
mod pem;

use crate::der;
use crate::fingerprint::Fingerprint;
use ortica_core::crypto::{CryptoError, CryptoProvider, HashAlgorithm, SignatureScheme, SigningKey};
use ortica_core::{DecodeError, Reader, Rng};
use std::fmt;
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// A certificate with its private key: what this end shows to a peer and signs with.
///
/// Nobody vouches for it. Its fingerprint travels by signaling, and that is what the peer compares.
pub struct Certificate {
    provider: CryptoProvider,
    der: Vec<u8>,
    pkcs8: Zeroizing<Vec<u8>>,
    key: Box<dyn SigningKey>,
    not_after: Duration,
}

/// A certificate cannot be made or used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CertificateError {
    /// The private key cannot be made, read or used.
    #[error("private key: {0}")]
    Key(#[from] CryptoError),
    /// The certificate cannot be read, or its key is of no [`SignatureScheme`].
    #[error("certificate: {0}")]
    Certificate(#[from] DecodeError),
    /// The private key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The certificate would end after the year 9999, or is too long to be sent.
    #[error("out of range")]
    Range,
    /// The text does not have one certificate and one private key in PKCS #8, each in PEM.
    #[error("no PEM of a certificate and its private key")]
    Pem,
}

/// What a certificate is made with.
///
/// Source: [webrtc-pc §4.9.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-generatecertificate)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CertificateOptions {
    /// What its key signs with. Default: ECDSA on P-256, which every peer takes.
    pub scheme: SignatureScheme,
    /// For how long it is valid. Default: 30 days.
    pub lifetime: Duration,
}

impl Default for CertificateOptions {
    fn default() -> Self {
        Self { scheme: SignatureScheme::EcdsaP256Sha256, lifetime: Certificate::DEFAULT_LIFETIME }
    }
}

impl Certificate {
    /// How long a certificate is valid unless told otherwise: 30 days, as W3C's `generateCertificate` has it.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// Clocks differ: a certificate is valid from a day before it was made.
    const BACKDATE: Duration = Duration::from_secs(24 * 60 * 60);

    /// Makes a fresh key, ECDSA on P-256, and a certificate for it, valid for [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME).
    /// `since_unix_epoch` is wall time now.
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

    /// Makes a fresh key and a certificate for it, valid until the lifetime after `since_unix_epoch` is over.
    ///
    /// # Errors
    /// When the provider cannot make or use a key, or the certificate would end after the year 9999.
    pub fn generate_with(
        provider: &CryptoProvider,
        rng: &mut Rng,
        since_unix_epoch: Duration,
        options: CertificateOptions,
    ) -> Result<Self, CertificateError> {
        let CertificateOptions { scheme, lifetime } = options;
        let pkcs8 = provider.signature.generate(scheme, rng)?;
        let key = provider.signature.load(scheme, &pkcs8)?;
        let validity = Validity {
            not_before: since_unix_epoch.saturating_sub(Self::BACKDATE),
            not_after: since_unix_epoch.saturating_add(lifetime),
        };
        if validity.not_after > Validity::END {
            return Err(CertificateError::Range);
        }
        let to_be_signed = to_be_signed(rng, validity, &*key);
        let signature = key.sign(rng, &[&to_be_signed])?;
        let mut der = Vec::new();
        der::element(&mut der, der::SEQUENCE, |out| {
            out.extend_from_slice(&to_be_signed);
            algorithm::encode(out, scheme);
            der::bit_string(out, &signature);
        });
        Ok(Self { provider: *provider, der, pkcs8, key, not_after: Duration::from_secs(validity.not_after.as_secs()) })
    }

    /// Takes up a certificate made before: `der` as [`der`](Self::der) gave it, `pkcs8` as [`pkcs8`](Self::pkcs8) did.
    /// Certificates made elsewhere do as well if their key is of a [`SignatureScheme`].
    ///
    /// # Errors
    /// When either cannot be read, or the key does not belong to the certificate.
    pub fn from_parts(provider: &CryptoProvider, der: Vec<u8>, pkcs8: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > crate::message::certificate::MAX_CHAIN_LEN {
            return Err(CertificateError::Range);
        }
        let leaf = Leaf::decode(&der)?;
        let key = provider.signature.load(leaf.scheme, pkcs8)?;
        if leaf.public_key != key.public_key() {
            return Err(CertificateError::Mismatch);
        }
        let not_after = leaf.not_after;
        Ok(Self { provider: *provider, der, pkcs8: Zeroizing::new(pkcs8.to_vec()), key, not_after })
    }

    /// Its fingerprint by `hash`, for signaling. [`HashAlgorithm::Sha256`] is what every peer knows.
    pub fn fingerprint(&self, hash: HashAlgorithm) -> Fingerprint {
        Fingerprint::of(&self.provider, hash, &self.der)
    }

    /// The certificate as X.509 DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The private key as PKCS #8 DER, for [`from_parts`](Self::from_parts) later on. Keep it secret.
    pub fn pkcs8(&self) -> &Zeroizing<Vec<u8>> {
        &self.pkcs8
    }

    /// What its key signs with.
    pub fn scheme(&self) -> SignatureScheme {
        self.key.scheme()
    }

    /// When it ends, as time since the Unix epoch. Zero for a date before that.
    pub fn not_after(&self) -> Duration {
        self.not_after
    }

    /// Signs the parts of a message, one after the other.
    pub(crate) fn sign(&self, rng: &mut Rng, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        self.key.sign(rng, message)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("scheme", &self.scheme())
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// What a handshake needs of a certificate: a short walk to the key, with no path, no policy, no signature check. The
/// fingerprint decides whether the certificate is the peer's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Leaf<'a> {
    /// What its key signs with.
    pub scheme: SignatureScheme,
    /// The key, as its scheme encodes it.
    pub public_key: &'a [u8],
    /// When the certificate ends, since the Unix epoch.
    pub not_after: Duration,
    /// The TBSCertificate with its tag and length.
    signed: &'a [u8],
    /// The signature over it, if it is of the kind that a key like this one makes.
    signature: Option<&'a [u8]>,
}

impl<'a> Leaf<'a> {
    /// Source: [RFC 5280 §4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)
    pub(crate) fn decode(der: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(der);
        let certificate = der::expect(&mut r, der::SEQUENCE, "certificate")?;
        r.finish("certificate")?;
        let mut outer = Reader::new(certificate);
        let to_be_signed = der::expect(&mut outer, der::SEQUENCE, "tbsCertificate")?;
        let (signed, _) = certificate.split_at(certificate.len() - outer.rest().len());
        let mut r = Reader::new(to_be_signed);
        der::optional(&mut r, der::CONTEXT_0, "version")?;
        der::expect(&mut r, der::INTEGER, "serialNumber")?;
        der::expect(&mut r, der::SEQUENCE, "signature")?;
        der::expect(&mut r, der::SEQUENCE, "issuer")?;
        let not_after = Validity::decode_end(der::expect(&mut r, der::SEQUENCE, "validity")?)?;
        der::expect(&mut r, der::SEQUENCE, "subject")?;
        let (scheme, public_key) = algorithm::decode_key(der::expect(&mut r, der::SEQUENCE, "subjectPublicKeyInfo")?)?;
        let signature = signature(outer, scheme).ok();
        Ok(Self { scheme, public_key, not_after, signed, signature })
    }

    /// Whether the key of the certificate signed it, so that it is as its owner made it.
    pub(crate) fn is_self_signed(&self, provider: &CryptoProvider) -> bool {
        self.signature.is_some_and(|signature| {
            provider.signature.verify(self.scheme, self.public_key, self.signed, signature).is_ok()
        })
    }
}

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// What browsers call theirs, so that the name tells nobody apart.
const NAME: &[u8] = b"WebRTC";

/// The signature behind a TBSCertificate, which must be of that kind.
fn signature(mut r: Reader<'_>, scheme: SignatureScheme) -> Result<&[u8], DecodeError> {
    let algorithm = der::expect(&mut r, der::SEQUENCE, "signatureAlgorithm")?;
    if !algorithm::is(algorithm, scheme) {
        return Err(DecodeError::Invalid("signatureAlgorithm"));
    }
    let value = der::expect(&mut r, der::BIT_STRING, "signatureValue")?;
    r.finish("certificate")?;
    match value {
        [0, signature @ ..] => Ok(signature),
        _ => Err(DecodeError::Invalid("signatureValue")),
    }
}

/// The TBSCertificate, version 3 with no extensions.
fn to_be_signed(rng: &mut Rng, validity: Validity, key: &dyn SigningKey) -> Vec<u8> {
    let mut serial: [u8; 16] = rng.bytes();
    // Positive and without a leading zero byte, which DER would have us leave out.
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut out = Vec::new();
    der::element(&mut out, der::SEQUENCE, |out| {
        der::element(out, der::CONTEXT_0, |out| der::primitive(out, der::INTEGER, &[2]));
        der::primitive(out, der::INTEGER, &serial);
        algorithm::encode(out, key.scheme());
        name(out);
        validity.encode(out);
        name(out);
        algorithm::encode_key(out, key.scheme(), key.public_key());
    });
    out
}

fn name(out: &mut Vec<u8>) {
    der::element(out, der::SEQUENCE, |out| {
        der::element(out, der::SET, |out| {
            der::element(out, der::SEQUENCE, |out| {
                der::primitive(out, der::OBJECT_ID, COMMON_NAME);
                der::primitive(out, der::UTF8_STRING, NAME);
            });
        });
    });
}

/// From when to when a certificate holds, since the Unix epoch.
#[derive(Clone, Copy)]
struct Validity {
    not_before: Duration,
    not_after: Duration,
}

impl Validity {
    /// The last second that the format can express: 9999-12-31 23:59:59.
    const END: Duration = Duration::from_secs(253_402_300_799);

    fn encode(self, out: &mut Vec<u8>) {
        der::element(out, der::SEQUENCE, |out| {
            time(out, self.not_before);
            time(out, self.not_after);
        });
    }

    fn decode_end(body: &[u8]) -> Result<Duration, DecodeError> {
        let mut r = Reader::new(body);
        decode_time(&mut r)?;
        decode_time(&mut r)
    }
}

/// UTCTime until 2049, GeneralizedTime from 2050 on.
///
/// Source: [RFC 5280 §4.1.2.5](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5)
fn time(out: &mut Vec<u8>, since_epoch: Duration) {
    let (day, second) = (since_epoch.as_secs() / 86_400, since_epoch.as_secs() % 86_400);
    let (year, month, day) = civil_from_days(day);
    let rest = format!("{month:02}{day:02}{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60);
    if year < 2050 {
        der::primitive(out, der::UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes());
    } else {
        der::primitive(out, der::GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes());
    }
}

fn decode_time(r: &mut Reader<'_>) -> Result<Duration, DecodeError> {
    const FIELD: &str = "validity";
    let (short, text) = match der::optional(r, der::UTC_TIME, FIELD)? {
        Some(text) => (true, text),
        None => (false, der::expect(r, der::GENERALIZED_TIME, FIELD)?),
    };
    let mut r = Reader::new(text);
    let mut two = || match r.array::<2>(FIELD)? {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Ok(u64::from(a - b'0') * 10 + u64::from(b - b'0')),
        _ => Err(DecodeError::Invalid(FIELD)),
    };
    let century = if short { None } else { Some(two()?) };
    let year = two()?;
    let year = match century {
        Some(century) => century * 100 + year,
        None if year < 50 => 2000 + year,
        None => 1900 + year,
    };
    let (month, day, hour, minute, second) = (two()?, two()?, two()?, two()?, two()?);
    if r.take_rest() != b"Z" || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(DecodeError::Invalid(FIELD));
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(DecodeError::Invalid(FIELD));
    }
    let days = days_from_civil(year, month, day);
    Ok(Duration::from_secs(days * 86_400 + hour * 3600 + minute * 60 + second))
}

/// Days since 1970-01-01; zero for a day before it. Years count from March, so that the leap day comes last.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

/// The date `days` after 1970-01-01 as year, month and day.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;

//! What the program is started with.

use ortica::core::Rng;
use ortica::core::crypto::{SignatureScheme, providers};
use ortica::{Certificate, CertificateOptions, Configuration, NewError};
use std::time::SystemTime;

/// Words of the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Gives way when both sides offer.
    pub polite: bool,
    scheme: Option<SignatureScheme>,
}

impl Options {
    /// What is not known is given back.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            match word.as_str() {
                "polite" => options.polite = true,
                "ecdsa" => options.scheme = Some(SignatureScheme::EcdsaP256Sha256),
                "rsa" => options.scheme = Some(SignatureScheme::RsaPkcs1Sha256),
                "ed25519" => options.scheme = Some(SignatureScheme::Ed25519),
                _ => return Err(word),
            }
        }
        Ok(options)
    }

    /// For a peer connection: on loopback too, with a certificate of the kind that was named.
    pub fn configuration(&self) -> Result<Configuration, NewError> {
        let configuration = Configuration::default().with_gather_loopback(true);
        let Some(scheme) = self.scheme else { return Ok(configuration) };
        let provider = providers().into_iter().next().ok_or(NewError::NoProvider)?;
        let wall = SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970");
        // Numbers of certificates come from here; keys come from the system.
        let mut rng = Rng::from_number(wall.as_nanos() as u64);
        let options = CertificateOptions { scheme, ..CertificateOptions::default() };
        Ok(configuration.with_certificate(Certificate::generate_with(&provider, &mut rng, wall, options)?))
    }
}

//! What the program is started with.

use ortica::core::Rng;
use ortica::core::crypto::{SignatureScheme, providers};
use ortica::{
    Certificate, CertificateOptions, Configuration, HostCandidates, IceServer, IceTransportPolicy, NewError,
    TcpCandidates,
};
use std::time::SystemTime;

/// What the words are.
pub const USAGE: &str = "ortica-interop-peer [polite] [ecdsa|rsa|ed25519] [listen] [hidden] [relay=USER:PASSWORD@URL]";

/// Words of the command line.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Gives way when both sides offer.
    pub polite: bool,
    scheme: Option<SignatureScheme>,
    /// Takes connections over TCP.
    listens: bool,
    /// Shows names in place of addresses.
    hides: bool,
    /// Is reached by way of this server alone.
    relay: Option<IceServer>,
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
                "listen" => options.listens = true,
                "hidden" => options.hides = true,
                _ => match word.strip_prefix("relay=").and_then(server) {
                    Some(relay) => options.relay = Some(relay),
                    None => return Err(word),
                },
            }
        }
        Ok(options)
    }

    /// For a peer connection: on loopback too, with a certificate of the kind that was named.
    pub fn configuration(&self) -> Result<Configuration, NewError> {
        let mut configuration = Configuration::default().with_gather_loopback(true);
        if self.listens {
            configuration = configuration.with_tcp(TcpCandidates::Listen(0));
        }
        if self.hides {
            configuration = configuration.with_host_candidates(HostCandidates::Mdns);
        }
        if let Some(relay) = &self.relay {
            configuration = configuration
                .with_ice_servers(vec![relay.clone()])
                .with_ice_transport_policy(IceTransportPolicy::Relay);
        }
        let Some(scheme) = self.scheme else { return Ok(configuration) };
        let provider = providers().into_iter().next().ok_or(NewError::NoProvider)?;
        let wall = SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970");
        // Numbers of certificates come from here; keys come from the system.
        let mut rng = Rng::from_number(wall.as_nanos() as u64);
        let options = CertificateOptions { scheme, ..CertificateOptions::default() };
        Ok(configuration.with_certificate(Certificate::generate_with(&provider, &mut rng, wall, options)?))
    }
}

/// Reads `USER:PASSWORD@URL`.
fn server(words: &str) -> Option<IceServer> {
    let (credentials, url) = words.split_once('@')?;
    let (user, password) = credentials.split_once(':')?;
    Some(IceServer::new(url).with_credentials(user, password))
}

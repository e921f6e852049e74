//! A connection as a machine.

use netsim::{Event, Machine, epoch, unix_epoch};
use ortica_core::crypto::HashAlgorithm;
use ortica_core::{Instant, Rng};
use ortica_dtls::{
    Certificate, ChainError, ChainVerifier, Config, Connection, Fingerprint, Role, ServerIdentity, SrtpProfile,
};
use std::sync::{Arc, LazyLock};

/// Keys cost a millisecond each: one certificate serves both sides of every run.
static CERTIFICATE: LazyLock<Arc<Certificate>> = LazyLock::new(|| {
    let mut rng = Rng::from_number(0);
    Arc::new(Certificate::generate(&crate::provider(), &mut rng, unix_epoch()).expect("the provider makes keys"))
});

/// Takes the certificate and no other.
struct Judge;

impl ChainVerifier for Judge {
    fn verify_chain(&self, chain: &[&[u8]]) -> Result<(), ChainError> {
        if chain == [CERTIFICATE.der()] { Ok(()) } else { Err(ChainError::UnknownIssuer) }
    }

    fn signatures(&self) -> Vec<u16> {
        vec![0x0403]
    }
}

/// A connection that sends a little once it is up.
pub struct Peer {
    connection: Connection,
    waiting: Option<Vec<u8>>,
}

impl Peer {
    /// One side of a handshake that succeeds when left alone.
    pub fn new(seed: u64, role: Role) -> Self {
        let provider = crate::provider();
        let profiles = [SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AES128_CM_SHA1_80];
        let config = Config::new(provider, Arc::clone(&CERTIFICATE)).with_srtp_profiles(&profiles);
        let fingerprints: Vec<Fingerprint> = vec![CERTIFICATE.fingerprint(HashAlgorithm::Sha256)];
        let connection = Connection::new(Arc::new(config), role, fingerprints, Rng::from_number(seed), epoch());
        Self { connection, waiting: None }
    }

    /// One side of a handshake without signaling: a server that asks for nothing, or who knows it by its chain.
    pub fn unsignalled(seed: u64, role: Role) -> Self {
        let (provider, rng) = (crate::provider(), Rng::from_number(seed));
        let connection = match role {
            Role::Client => {
                let config = Arc::new(Config::with_certificates(provider, Vec::new()));
                Connection::to_server(config, ServerIdentity::new("turn.example", Arc::new(Judge)), rng, epoch())
            }
            Role::Server => {
                let config = Arc::new(Config::new(provider, Arc::clone(&CERTIFICATE)));
                Connection::for_anyone(config, rng, epoch())
            }
        };
        Self { connection, waiting: None }
    }
}

impl Machine for Peer {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.connection.handle_packet(now, packet, &mut |_| {});
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        if let Some(text) = self.waiting.take().filter(|_| self.connection.is_connected()) {
            let before = out.len();
            let start = self.connection.begin(out);
            out.extend_from_slice(&text);
            if self.connection.seal(out, start).is_ok() {
                return Some(out.len() - before);
            }
            out.truncate(before);
        }
        self.connection.poll_packet(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        use ortica_dtls::Event as Told;
        Some(match self.connection.poll_event()? {
            Told::Closed(reason) => Event::closed(format!("{reason:?}")),
            _ => Event::new("connected"),
        })
    }

    fn close(&mut self, now: Instant) {
        self.connection.close(now);
    }

    fn act(&mut self, now: Instant, step: u64) {
        if step % 16 == 15 {
            self.connection.close(now);
        } else {
            self.waiting = Some(vec![step as u8; step as usize % 1_000]);
        }
    }
}

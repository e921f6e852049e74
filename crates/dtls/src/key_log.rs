//! Secrets for those who look at captured packets.

use crate::key_schedule::Random;
use std::fmt;
use zeroize::Zeroizing;

/// A secret by which others can decrypt a connection, as a line of a key log; of use to Wireshark and its like.
///
/// `Display` is that line, so that only who writes it shows the secret: `Debug` hides it.
///
/// Source: [draft-ietf-tls-keylogfile](https://datatracker.ietf.org/doc/draft-ietf-tls-keylogfile/)
pub struct KeyLogEntry {
    client_random: Random,
    master_secret: Zeroizing<[u8; 48]>,
}

impl KeyLogEntry {
    pub(crate) fn new(client_random: Random, master_secret: &Zeroizing<[u8; 48]>) -> Self {
        Self { client_random, master_secret: master_secret.clone() }
    }

    /// What the secret is, in the words of that format. DTLS 1.2 has one.
    pub const fn label(&self) -> &'static str {
        "CLIENT_RANDOM"
    }

    /// By what those who look know the connection: the random field of its ClientHello.
    pub const fn client_random(&self) -> &[u8; 32] {
        &self.client_random
    }
}

impl fmt::Display for KeyLogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        for bytes in [&self.client_random[..], &self.master_secret[..]] {
            f.write_str(" ")?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyLogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLogEntry").field("label", &self.label()).finish_non_exhaustive()
    }
}

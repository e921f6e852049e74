//! What both ends have said so far.

use crate::message::Message;
use ortica_core::Writer;
use ortica_core::crypto::{CryptoProvider, Digest, HashAlgorithm};

/// The handshake messages in order, each as if it had never been cut (RFC 6347 §4.2.6). Kept whole, because the hash is
/// not known before ServerHello, and because signatures are made over the messages themselves.
#[derive(Default)]
pub(crate) struct Transcript {
    bytes: Vec<u8>,
}

impl Transcript {
    pub(crate) fn push(&mut self, message: &Message) {
        message.whole().encode(&mut Writer::new(&mut self.bytes));
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn hash(&self, provider: &CryptoProvider, algorithm: HashAlgorithm) -> Digest {
        provider.hash.digest(algorithm, &[&self.bytes])
    }

    /// A place to come back to.
    pub(crate) fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets what came after `mark`.
    pub(crate) fn rewind(&mut self, mark: usize) {
        self.bytes.truncate(mark);
    }

    /// Forgets everything and gives the memory back.
    pub(crate) fn clear(&mut self) {
        self.bytes = Vec::new();
    }
}

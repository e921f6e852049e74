//! Epoch 1: records under AEAD keys.
//!
//! The nonce is the counter: epoch and sequence number, which never repeat under a key (RFC 5288 §3 leaves the choice to
//! the sender; a random one repeats after some 2^32 records). GCM sends it along, ChaCha20 adds it to its fixed part.

use super::{ContentType, Header, MAX_PLAINTEXT};
use crate::cipher_suite::Suite;
use crate::connection::SealError;
use crate::key_schedule::WriteKey;
use crate::record::replay::ReplayWindow;
use ortica_core::crypto::{Aead, AeadAlgorithm, CryptoError, CryptoProvider};
use zeroize::Zeroizing;

/// The number of the epoch that the handshake's keys protect.
pub(crate) const PROTECTED: u16 = 1;

/// One direction's key: the provider's context beside the bytes it was made of.
struct Key {
    suite: Suite,
    aead: Box<dyn Aead>,
    iv: Zeroizing<Vec<u8>>,
}

impl Key {
    fn new(provider: &CryptoProvider, key: WriteKey) -> Result<Self, CryptoError> {
        let aead = provider.cipher.aead(key.suite.aead(), &key.key)?;
        Ok(Self { suite: key.suite, aead, iv: key.iv })
    }

    /// The fixed part, then (GCM) or over whose end (ChaCha20) comes the part that varies.
    ///
    /// Source: [RFC 5288 §3](https://www.rfc-editor.org/rfc/rfc5288#section-3),
    /// [RFC 7905 §2](https://www.rfc-editor.org/rfc/rfc7905#section-2)
    fn nonce(&self, varying: [u8; 8]) -> [u8; AeadAlgorithm::NONCE_LEN] {
        let mut nonce = [0; AeadAlgorithm::NONCE_LEN];
        nonce.iter_mut().zip(self.iv.iter()).for_each(|(to, from)| *to = *from);
        nonce.iter_mut().skip(4).zip(varying).for_each(|(to, from)| *to ^= from);
        nonce
    }
}

/// Writes the records of epoch 1.
pub(crate) struct Sealer {
    key: Key,
    next_sequence: u64,
}

impl Sealer {
    pub(crate) fn new(provider: &CryptoProvider, key: WriteKey) -> Result<Self, CryptoError> {
        Ok(Self { key: Key::new(provider, key)?, next_sequence: 0 })
    }

    pub(crate) fn suite(&self) -> Suite {
        self.key.suite
    }

    /// How many bytes a record adds to its plaintext.
    pub(crate) fn overhead(&self) -> usize {
        self.prefix_len() + AeadAlgorithm::TAG_LEN
    }

    /// Appends room for what precedes the plaintext.
    pub(crate) fn begin(&self, out: &mut Vec<u8>) {
        out.resize(out.len() + self.prefix_len(), 0);
    }

    /// Makes a record of `out[start..]`, which [`begin`](Self::begin) and the caller have appended. Cuts `out` back to
    /// `start` if that is refused.
    pub(crate) fn seal(&mut self, content_type: ContentType, out: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        let result = self.try_seal(content_type, out, start);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn try_seal(&mut self, content_type: ContentType, out: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        // The last number is kept for the alert that says goodbye.
        let is_last = self.next_sequence >= Header::MAX_SEQUENCE;
        if self.next_sequence > Header::MAX_SEQUENCE || (is_last && content_type != ContentType::ALERT) {
            return Err(SealError::Exhausted);
        }
        let header = Header::new(content_type, PROTECTED, self.next_sequence);
        let record = out.get_mut(start..).ok_or(SealError::NotConnected)?;
        let (prefix, plaintext) = record.split_at_mut_checked(self.prefix_len()).ok_or(SealError::NotConnected)?;
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(SealError::TooLong);
        }
        let additional_data = header.additional_data(plaintext.len() as u16);
        let tag = self.key.aead.seal(&self.key.nonce(header.number()), &additional_data, plaintext);
        prefix.iter_mut().skip(Header::LEN).zip(header.number()).for_each(|(to, from)| *to = from);
        out.extend_from_slice(&tag);
        self.next_sequence += 1;
        header.fill_in(out, start)
    }

    fn prefix_len(&self) -> usize {
        Header::LEN + self.key.suite.explicit_nonce_len()
    }

    #[cfg(test)]
    pub(crate) fn set_next_sequence(&mut self, sequence: u64) {
        self.next_sequence = sequence;
    }
}

/// Reads the records of epoch 1.
pub(crate) struct Opener {
    key: Key,
    window: ReplayWindow,
}

/// Why a record was not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OpenError {
    /// Its number was seen, or lies too far back to tell.
    Replayed,
    /// The tag does not verify, or the record is too short to have one.
    Unauthenticated,
}

impl Opener {
    pub(crate) fn new(provider: &CryptoProvider, key: WriteKey) -> Result<Self, CryptoError> {
        Ok(Self { key: Key::new(provider, key)?, window: ReplayWindow::default() })
    }

    /// Decrypts what followed `header` in place and returns the plaintext. The replay window moves only if that
    /// succeeds: a forged record cannot push genuine ones out of it.
    pub(crate) fn open<'a>(&mut self, header: &Header, fragment: &'a mut [u8]) -> Result<&'a mut [u8], OpenError> {
        if !self.window.is_new(header.sequence) {
            return Err(OpenError::Replayed);
        }
        let plaintext = self.decrypt(header, fragment).ok_or(OpenError::Unauthenticated)?;
        self.window.note(header.sequence);
        Ok(plaintext)
    }

    fn decrypt<'a>(&self, header: &Header, fragment: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (explicit, sealed) = fragment.split_at_mut_checked(self.key.suite.explicit_nonce_len())?;
        let len = sealed.len().checked_sub(AeadAlgorithm::TAG_LEN).filter(|len| *len <= MAX_PLAINTEXT)?;
        // The peer's explicit nonce is taken as it comes: some draw it at random.
        let varying = <[u8; 8]>::try_from(&*explicit).unwrap_or(header.number());
        let additional_data = header.additional_data(len as u16);
        let len = self.key.aead.open(&self.key.nonce(varying), &additional_data, sealed).ok()?;
        sealed.get_mut(..len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;
    use crate::key_schedule::Secrets;
    use crate::record::next_record;
    use ortica_core::crypto::rust_crypto::provider;

    const SUITES: [Suite; 3] = [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305];

    fn pair(suite: Suite) -> (Sealer, Opener) {
        let secrets = Secrets::extended(&provider(), suite, &[1; 32], &[2; 32], [3; 32], [4; 32]);
        let sealer = Sealer::new(&provider(), secrets.write_key(Role::Client)).unwrap();
        (sealer, Opener::new(&provider(), secrets.write_key(Role::Client)).unwrap())
    }

    fn seal(sealer: &mut Sealer, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut out = b"before".to_vec();
        sealer.begin(&mut out);
        out.extend_from_slice(plaintext);
        let result = sealer.seal(ContentType::APPLICATION_DATA, &mut out, 6);
        assert!(out.starts_with(b"before"));
        assert!(result.is_ok() || out.len() == 6);
        result.map(|()| out.split_off(6))
    }

    fn open(opener: &mut Opener, record: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut record = record.to_vec();
        let (header, fragment) = next_record(&mut record.as_mut_slice()).unwrap().unwrap();
        opener.open(&header, fragment).map(|plaintext| plaintext.to_vec())
    }

    #[test]
    fn what_is_sealed_opens_in_every_suite() {
        for suite in SUITES {
            let (mut sealer, mut opener) = pair(suite);
            for plaintext in [&b""[..], b"x", &[7; MAX_PLAINTEXT]] {
                let record = seal(&mut sealer, plaintext).unwrap();
                assert_eq!(record.len(), plaintext.len() + sealer.overhead());
                assert_eq!(open(&mut opener, &record).unwrap(), plaintext);
            }
            assert_eq!(seal(&mut sealer, &[7; MAX_PLAINTEXT + 1]), Err(SealError::TooLong));
        }
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        for suite in SUITES {
            let (mut sealer, mut opener) = pair(suite);
            let record = seal(&mut sealer, b"hello").unwrap();
            // All but the length, whose change makes another record of it.
            for index in (0..11).chain(13..record.len()) {
                for bit in 0..8 {
                    let mut changed = record.clone();
                    changed[index] ^= 1 << bit;
                    assert_eq!(open(&mut opener, &changed), Err(OpenError::Unauthenticated), "byte {index}");
                }
            }
            assert_eq!(open(&mut opener, &record).unwrap(), b"hello");
        }
    }

    #[test]
    fn a_record_shorter_than_its_overhead_is_dropped() {
        for suite in SUITES {
            let (mut sealer, mut opener) = pair(suite);
            let record = seal(&mut sealer, b"").unwrap();
            for len in 0..record.len() - Header::LEN {
                let mut short = record[..Header::LEN + len].to_vec();
                short[12] = len as u8;
                assert_eq!(open(&mut opener, &short), Err(OpenError::Unauthenticated));
            }
        }
    }

    /// The guard is the nonce made from epoch and sequence number in `Sealer::try_seal`.
    #[test]
    fn cve_07_gcm_nonce_is_a_counter() {
        let (mut sealer, _) = pair(Suite::Aes128Gcm);
        let mut out = Vec::new();
        for count in 0..100_000u64 {
            out.clear();
            sealer.begin(&mut out);
            sealer.seal(ContentType::APPLICATION_DATA, &mut out, 0).unwrap();
            let explicit = u64::from_be_bytes(out[13..21].try_into().unwrap());
            assert_eq!(explicit, (1 << 48) | count);
        }
    }

    /// The guard is the bound in `Sealer::try_seal`: a nonce never comes twice.
    #[test]
    fn cve_07_refuses_data_at_the_last_sequence_number() {
        let (mut sealer, mut opener) = pair(Suite::Aes128Gcm);
        sealer.set_next_sequence(Header::MAX_SEQUENCE - 1);
        let record = seal(&mut sealer, b"last").unwrap();
        assert_eq!(open(&mut opener, &record).unwrap(), b"last");
        assert_eq!(seal(&mut sealer, b"one more"), Err(SealError::Exhausted));
        let mut goodbye = Vec::new();
        sealer.begin(&mut goodbye);
        sealer.seal(ContentType::ALERT, &mut goodbye, 0).unwrap();
        goodbye.clear();
        sealer.begin(&mut goodbye);
        assert_eq!(sealer.seal(ContentType::ALERT, &mut goodbye, 0), Err(SealError::Exhausted));
    }

    #[test]
    fn dtls_8_nonces_are_as_the_rfcs_say() {
        let (sealer, _) = pair(Suite::Aes128Gcm);
        let nonce = sealer.key.nonce([0, 1, 0, 0, 0, 0, 0, 9]);
        assert_eq!(nonce[..4], sealer.key.iv[..]);
        assert_eq!(nonce[4..], [0, 1, 0, 0, 0, 0, 0, 9]);
        let (sealer, _) = pair(Suite::ChaCha20Poly1305);
        let nonce = sealer.key.nonce([0, 1, 0, 0, 0, 0, 0, 9]);
        let difference: Vec<u8> = nonce.iter().zip(sealer.key.iv.iter()).map(|(a, b)| a ^ b).collect();
        assert_eq!(difference, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9]);
    }

    #[test]
    fn dtls_9_a_record_opens_once() {
        let (mut sealer, mut opener) = pair(Suite::Aes128Gcm);
        let records: Vec<_> = (0..2_000).map(|_| seal(&mut sealer, b"x").unwrap()).collect();
        for record in records.iter().skip(1).rev().take(1_984) {
            assert!(open(&mut opener, record).is_ok());
            assert_eq!(open(&mut opener, record), Err(OpenError::Replayed));
        }
        assert_eq!(open(&mut opener, &records[0]), Err(OpenError::Replayed), "too old to tell");
    }

    /// The guard is the order in `Opener::open`: first authenticate, then note.
    #[test]
    fn cve_09_a_forged_number_does_not_move_the_window() {
        let (mut sealer, mut opener) = pair(Suite::Aes128Gcm);
        let records: Vec<_> = (0..10).map(|_| seal(&mut sealer, b"x").unwrap()).collect();
        let mut forged = records[0].clone();
        forged[5..11].copy_from_slice(&(1u64 << 47).to_be_bytes()[2..]);
        for record in &records {
            assert_eq!(open(&mut opener, &forged), Err(OpenError::Unauthenticated));
            assert!(open(&mut opener, record).is_ok());
        }
    }
}

//! AES in Galois/counter mode.
//!
//! ```text
//! RTP:  header | payload, encrypted        | tag
//! RTCP: 8 bytes | rest, encrypted if E     | tag | E, index
//! ```
//!
//! What is not encrypted is authenticated, the word with E bit and index included.
//!
//! Source: [RFC 7714 §8](https://www.rfc-editor.org/rfc/rfc7714#section-8),
//! [§9](https://www.rfc-editor.org/rfc/rfc7714#section-9)

use super::{Cipher, RTCP_HEADER_LEN, RtcpId, RtpId, index_bytes, mix};
use crate::cryptex::Layout;
use crate::key_derivation::SessionKeys;
use ortica_core::crypto::{Aead, AeadAlgorithm, CryptoError, CryptoProvider};
use zeroize::Zeroizing;

pub(super) struct AesGcm {
    aead: Box<dyn Aead>,
    salt: Zeroizing<[u8; 12]>,
}

impl AesGcm {
    pub(super) fn new(
        provider: &CryptoProvider,
        algorithm: AeadAlgorithm,
        keys: &SessionKeys,
    ) -> Result<Self, CryptoError> {
        let mut salt = Zeroizing::new([0; 12]);
        mix(&mut salt, 0, keys.salt);
        Ok(Self { aead: provider.cipher.aead(algorithm, &keys.cipher)?, salt })
    }

    fn rtp_nonce(&self, id: RtpId) -> [u8; 12] {
        let mut nonce = *self.salt;
        mix(&mut nonce, 2, id.ssrc.to_be_bytes());
        mix(&mut nonce, 6, index_bytes(id.index));
        nonce
    }

    fn rtcp_nonce(&self, id: RtcpId) -> [u8; 12] {
        let mut nonce = *self.salt;
        mix(&mut nonce, 2, id.ssrc.to_be_bytes());
        mix(&mut nonce, 8, id.index.to_be_bytes());
        nonce
    }
}

impl Cipher for AesGcm {
    fn seal_rtp(&self, id: RtpId, layout: Layout, packet: &mut Vec<u8>, start: usize) {
        let sealed = packet.get_mut(start..).unwrap_or_default();
        let Some((clear, body)) = sealed.split_at_mut_checked(layout.clear) else { return };
        let tag = self.aead.seal(&self.rtp_nonce(id), clear, body);
        layout.scatter(sealed);
        packet.extend(tag);
    }

    fn open_rtp(&self, id: RtpId, layout: Layout, packet: &mut [u8]) -> Result<usize, CryptoError> {
        layout.gather(packet);
        let (clear, body) = packet.split_at_mut_checked(layout.clear).ok_or(CryptoError)?;
        let len = layout.clear + self.aead.open(&self.rtp_nonce(id), clear, body)?;
        layout.scatter(packet);
        Ok(len)
    }

    fn seal_rtcp(&self, id: RtcpId, packet: &mut Vec<u8>, start: usize) {
        let (header, rest) = split_header(packet.get_mut(start..).unwrap_or_default());
        let tag = self.aead.seal(&self.rtcp_nonce(id), &associated_data(header, id), rest);
        packet.extend(tag);
        packet.extend(id.word());
    }

    fn open_rtcp(&self, id: RtcpId, packet: &mut [u8]) -> Result<usize, CryptoError> {
        let nonce = self.rtcp_nonce(id);
        if id.encrypted {
            let sealed_len = packet.len().checked_sub(4).ok_or(CryptoError)?;
            let (header, rest) = split_header(packet.get_mut(..sealed_len).unwrap_or_default());
            Ok(header.len() + self.aead.open(&nonce, &associated_data(header, id), rest)?)
        } else {
            let plain_len = packet.len().checked_sub(AeadAlgorithm::TAG_LEN + 4).ok_or(CryptoError)?;
            // The word changes places with the tag, so that the associated data is in one piece.
            packet.get_mut(plain_len..).unwrap_or_default().rotate_right(4);
            let (aad, tag) = packet.split_at_mut_checked(plain_len + 4).ok_or(CryptoError)?;
            self.aead.open(&nonce, aad, tag)?;
            Ok(plain_len)
        }
    }

    fn rtcp_word(&self, packet: &[u8]) -> Option<[u8; 4]> {
        packet.last_chunk().copied()
    }
}

/// The part of an encrypted RTCP packet that stays readable, and the rest.
fn split_header(packet: &mut [u8]) -> (&mut [u8], &mut [u8]) {
    packet.split_at_mut(RTCP_HEADER_LEN.min(packet.len()))
}

/// The associated data of an encrypted RTCP packet.
fn associated_data(header: &[u8], id: RtcpId) -> [u8; RTCP_HEADER_LEN + 4] {
    let mut aad = [0; RTCP_HEADER_LEN + 4];
    for (to, from) in aad.iter_mut().zip(header.iter().copied().chain(id.word())) {
        *to = from;
    }
    aad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Vectors;
    use ortica_core::crypto::providers;

    /// Source: [RFC 7714 §16](https://www.rfc-editor.org/rfc/rfc7714#section-16)
    #[test]
    fn seals_and_opens_the_rtp_packets_of_rfc_7714_16() {
        for (vectors, cipher, bits) in ciphers() {
            let plain = vectors.get("16 plain");
            let sealed = vectors.get(&format!("16 sealed {bits}"));
            let id = RtpId { ssrc: 0x5501_a0b2, index: 0xf17b };

            let mut packet = plain.clone();
            cipher.seal_rtp(id, Layout::plain(12), &mut packet, 0);
            assert_eq!(packet, sealed);

            assert_eq!(cipher.open_rtp(id, Layout::plain(12), &mut packet), Ok(50));
            assert_eq!(packet[..plain.len()], plain);
        }
    }

    /// RTP is never sent like this, but it is one more answer that is known.
    ///
    /// Source: [RFC 7714 §16.1.3](https://www.rfc-editor.org/rfc/rfc7714#section-16.1.3)
    #[test]
    fn tags_the_rtp_packets_of_rfc_7714_16() {
        for (vectors, cipher, bits) in ciphers() {
            let plain = vectors.get("16 plain");
            let nonce = cipher.rtp_nonce(RtpId { ssrc: 0x5501_a0b2, index: 0xf17b });
            let tag = cipher.aead.seal(&nonce, &plain, &mut []);
            assert_eq!([plain, tag.to_vec()].concat(), vectors.get(&format!("16 tagged {bits}")));
        }
    }

    /// Source: [RFC 7714 §17](https://www.rfc-editor.org/rfc/rfc7714#section-17)
    #[test]
    fn srtp_4_seals_and_opens_the_rtcp_packets_of_rfc_7714_17() {
        for (vectors, cipher, bits) in ciphers() {
            let plain = vectors.get("17 plain");
            let id = |encrypted| RtcpId { ssrc: 0x4d61_7273, index: 0x5d4, encrypted };

            let mut packet = plain.clone();
            cipher.seal_rtcp(id(true), &mut packet, 0);
            assert_eq!(packet, vectors.get(&format!("17 sealed {bits}")));
            assert_eq!(cipher.open_rtcp(id(true), &mut packet), Ok(plain.len()));
            assert_eq!(packet[..plain.len()], plain);

            let mut tagged = vectors.get(&format!("17 tagged {bits}"));
            assert_eq!(cipher.open_rtcp(id(false), &mut tagged), Ok(plain.len()));
            assert_eq!(tagged[..plain.len()], plain);
        }
    }

    /// With each provider, for each length of key.
    fn ciphers() -> Vec<(Vectors, AesGcm, u16)> {
        let mut ciphers = Vec::new();
        for provider in providers() {
            for (algorithm, bits) in [(AeadAlgorithm::Aes128Gcm, 128), (AeadAlgorithm::Aes256Gcm, 256)] {
                let vectors = Vectors::load(include_str!("../../testdata/rfc7714.txt"));
                let mut salt = [0; 14];
                salt[..12].copy_from_slice(&vectors.get("salt"));
                let keys = SessionKeys { cipher: (0..algorithm.key_len() as u8).collect(), auth: [0; 20], salt };
                ciphers.push((vectors, AesGcm::new(&provider, algorithm, &keys).unwrap(), bits));
            }
        }
        ciphers
    }
}

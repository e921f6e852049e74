//! AES-GCM over the bytes of frames.
//!
//! ```text
//! | first byte, in the clear | sealed rest | tag, 16 bytes | number, 8 bytes |
//! ```
//!
//! The first byte of Opus says how long the sound lasts, by which whoever forwards it may go.

use ortica::core::crypto::{Aead, AeadAlgorithm, CryptoError, aws_lc_rs};

const CLEAR: usize = 1;
const NUMBER: usize = 8;

pub struct Cipher {
    key: Box<dyn Aead>,
    /// No number may seal two frames under one key.
    next: u64,
}

impl Cipher {
    pub fn new(key: &[u8; 16]) -> Result<Self, CryptoError> {
        let key = aws_lc_rs::provider().cipher.aead(AeadAlgorithm::Aes128Gcm, key)?;
        Ok(Self { key, next: 0 })
    }

    pub fn seal(&mut self, data: &[u8]) -> Vec<u8> {
        let number = self.next.to_be_bytes();
        self.next += 1;
        let (clear, secret) = data.split_at(CLEAR.min(data.len()));
        let mut sealed = secret.to_vec();
        let tag = self.key.seal(&nonce(number), clear, &mut sealed);
        [clear, &sealed, &tag, &number].concat()
    }

    /// `None` for what was not sealed with the key.
    pub fn open(&self, data: &[u8]) -> Option<Vec<u8>> {
        let (rest, number) = data.split_last_chunk::<NUMBER>()?;
        let (clear, sealed) = rest.split_at_checked(CLEAR)?;
        let mut opened = sealed.to_vec();
        let len = self.key.open(&nonce(*number), clear, &mut opened).ok()?;
        opened.truncate(len);
        Some([clear, &opened].concat())
    }
}

fn nonce(number: [u8; NUMBER]) -> [u8; AeadAlgorithm::NONCE_LEN] {
    let mut nonce = [0; AeadAlgorithm::NONCE_LEN];
    nonce[AeadAlgorithm::NONCE_LEN - NUMBER..].copy_from_slice(&number);
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_and_no_other() {
        let (mut here, there) = (Cipher::new(&[1; 16]).unwrap(), Cipher::new(&[1; 16]).unwrap());
        let (first, second) = (here.seal(b"sound"), here.seal(b"sound"));
        assert_eq!(first[0], b's');
        assert_ne!(first, second);
        assert_eq!(there.open(&first).as_deref(), Some(&b"sound"[..]));
        assert_eq!(Cipher::new(&[2; 16]).unwrap().open(&first), None);
        let mut changed = second;
        changed[0] ^= 1;
        assert_eq!(there.open(&changed), None, "what is in the clear is authenticated");
        assert_eq!(there.open(b"short"), None);
        assert_eq!(there.open(&here.seal(b"")), None, "an empty frame has no first byte");
    }
}

//! Certificates as text.
//!
//! Source: [RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)

use super::{Certificate, CertificateError};
use ortica_core::crypto::CryptoProvider;
use zeroize::Zeroizing;

const CERTIFICATE: &str = "CERTIFICATE";
const PRIVATE_KEY: &str = "PRIVATE KEY";
/// Characters to a line (RFC 7468 §2).
const LINE: usize = 64;

/// # PEM
impl Certificate {
    /// The certificate and its private key, one after the other. Keep the text secret.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::new());
        write(&mut out, CERTIFICATE, self.der());
        write(&mut out, PRIVATE_KEY, self.pkcs8());
        out
    }

    /// Takes up a certificate and its private key: what [`to_pem`](Self::to_pem) gave, or what other tools made, in either
    /// order. Of several certificates the first one counts. The key is in PKCS #8 and not encrypted.
    ///
    /// # Errors
    /// [`CertificateError::Pem`], and those of [`from_parts`](Self::from_parts).
    pub fn from_pem(provider: &CryptoProvider, pem: &str) -> Result<Self, CertificateError> {
        let der = read(pem, CERTIFICATE).ok_or(CertificateError::Pem)?;
        let pkcs8 = read(pem, PRIVATE_KEY).map(Zeroizing::new).ok_or(CertificateError::Pem)?;
        Self::from_parts(provider, der, &pkcs8)
    }
}

fn write(out: &mut String, label: &str, bytes: &[u8]) {
    let encoded = Zeroizing::new(encode(bytes));
    out.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(LINE.min(rest.len()));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("-----END {label}-----\n"));
}

/// The first section with that label. What stands between sections does not matter.
fn read(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, after) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = after.split_once(&format!("-----END {label}-----"))?;
    decode(body)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Source: [RFC 4648 §4](https://www.rfc-editor.org/rfc/rfc4648#section-4)
fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 0x3f) as usize;
            let letter = ALPHABET.get(index).copied().unwrap_or_default();
            out.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// `None` for what is no base64; white space is passed over.
fn decode(text: &str) -> Option<Vec<u8>> {
    let letters: Zeroizing<Vec<u8>> = Zeroizing::new(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(letters.len() / 4 * 3);
    let body = letters.strip_suffix(b"==").or(letters.strip_suffix(b"=")).unwrap_or(&letters);
    for group in body.chunks(4) {
        let value = |letter: &u8| ALPHABET.iter().position(|known| known == letter);
        let mut bits = 0;
        for letter in group {
            bits = bits << 6 | value(letter)? as u32;
        }
        bits <<= 6 * (4 - group.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(..group.len() - 1)?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Source: [RFC 4648 §10](https://www.rfc-editor.org/rfc/rfc4648#section-10)
    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text), Some(plain.as_bytes().to_vec()));
        }
        for wrong in ["Zg=", "Z", "Zm9*", "====", "Zg==Zg=="] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,200}") {
            let _ = read(&format!("-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----"), CERTIFICATE);
        }
    }
}

//! Key material for other protocols, derived from a finished handshake.

use crate::config::Role;
use crate::key_schedule::Secrets;
use crate::srtp::{SrtpKeys, SrtpProfile};
use thiserror::Error;
use zeroize::Zeroizing;

/// Key material cannot be exported.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ExportError {
    /// The label is one of those that the handshake itself uses.
    #[error("the label is reserved for the handshake")]
    Label,
    /// The context is longer than 65,535 bytes, or more than 65,535 bytes are asked for.
    #[error("too long")]
    Length,
}

/// Labels with which the handshake derives its own secrets: exporting one would give them away.
///
/// Source: [RFC 5705 §4](https://www.rfc-editor.org/rfc/rfc5705#section-4)
const RESERVED: [&str; 5] =
    ["client finished", "server finished", "master secret", "extended master secret", "key expansion"];

/// The label for SRTP keys; there is no context.
///
/// Source: [RFC 5764 §4.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.2)
const DTLS_SRTP: &str = "EXTRACTOR-dtls_srtp";

/// `len` bytes for `label`.
pub(crate) fn export(
    secrets: &Secrets,
    label: &str,
    context: Option<&[u8]>,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    if RESERVED.contains(&label) {
        return Err(ExportError::Label);
    }
    let max = usize::from(u16::MAX);
    if len > max || context.is_some_and(|context| context.len() > max) {
        return Err(ExportError::Length);
    }
    let mut out = Zeroizing::new(vec![0; len]);
    secrets.export(label, context, &mut out);
    Ok(out)
}

/// Both ends' SRTP keys as `role` sees them; `None` for a profile whose lengths are not known.
pub(crate) fn srtp_keys(secrets: &Secrets, role: Role, profile: SrtpProfile) -> Option<SrtpKeys> {
    let (key_len, salt_len) = (profile.key_len()?, profile.salt_len()?);
    let material = export(secrets, DTLS_SRTP, None, 2 * (key_len + salt_len)).ok()?;
    let (keys, salts) = material.split_at_checked(2 * key_len)?;
    let (client_key, server_key) = keys.split_at_checked(key_len)?;
    let (client_salt, server_salt) = salts.split_at_checked(salt_len)?;
    let owned = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    let client = (owned(client_key), owned(client_salt));
    let server = (owned(server_key), owned(server_salt));
    let ((local_key, local_salt), (remote_key, remote_salt)) = match role {
        Role::Client => (client, server),
        Role::Server => (server, client),
    };
    Some(SrtpKeys { profile, local_key, local_salt, remote_key, remote_salt })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher_suite::Suite;
    use ortica_core::crypto::rust_crypto::provider;

    fn secrets() -> Secrets {
        Secrets::extended(&provider(), Suite::Aes128Gcm, &[1; 32], &[2; 32], [3; 32], [4; 32])
    }

    /// The guard is the order in `srtp_keys`: both keys, then both salts, the client's first.
    #[test]
    fn dtls_13_srtp_keys_come_before_salts_and_the_client_before_the_server() {
        for (profile, key_len, salt_len) in [
            (SrtpProfile::AES128_CM_SHA1_80, 16, 14),
            (SrtpProfile::AEAD_AES_128_GCM, 16, 12),
            (SrtpProfile::AEAD_AES_256_GCM, 32, 12),
        ] {
            let flat = export(&secrets(), "EXTRACTOR-dtls_srtp", None, 2 * (key_len + salt_len)).unwrap();
            let client = srtp_keys(&secrets(), Role::Client, profile).unwrap();
            let server = srtp_keys(&secrets(), Role::Server, profile).unwrap();
            let parts =
                [&*client.local_key, &*client.remote_key, &*client.local_salt, &*client.remote_salt].map(|p| &p[..]);
            assert_eq!(parts.concat(), *flat);
            assert_eq!((&client.local_key, &client.local_salt), (&server.remote_key, &server.remote_salt));
            assert_eq!((&client.remote_key, &client.remote_salt), (&server.local_key, &server.local_salt));
        }
        assert!(srtp_keys(&secrets(), Role::Client, SrtpProfile(0x1234)).is_none());
    }

    #[test]
    fn the_labels_of_the_handshake_cannot_be_exported() {
        for label in RESERVED {
            assert_eq!(export(&secrets(), label, None, 12).err(), Some(ExportError::Label));
        }
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(export(&secrets(), "EXPORTER-x", None, 65_536).err(), Some(ExportError::Length));
        assert_eq!(export(&secrets(), "EXPORTER-x", Some(&[0; 65_536]), 1).err(), Some(ExportError::Length));
        assert_eq!(export(&secrets(), "EXPORTER-x", Some(&[0; 65_535]), 0).unwrap().len(), 0);
    }
}

//! Chains of certificates that come over DTLS, judged as those that come over TLS are.

use super::{TlsError, Trust, server_name};
use ortica_dtls::{ChainError, ChainVerifier, ServerIdentity};
use std::sync::Arc;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error};

impl Trust {
    /// A host that is to show a certificate for its name or address. An IPv6 address may stand in brackets.
    pub fn identity(&self, host: &str) -> Result<ServerIdentity, TlsError> {
        let name = server_name(host)?;
        Ok(ServerIdentity::new(host, Arc::new(OfHost { name, verifier: self.verifier()? })))
    }
}

impl TlsError {
    /// What is wrong with the chain of a server, where that is why it is not spoken to.
    pub fn chain(&self) -> Option<ChainError> {
        let Self::Handshake(error) = self else { return None };
        match error.get_ref()?.downcast_ref::<Error>()? {
            error @ Error::InvalidCertificate(_) => Some(reason(error)),
            _ => None,
        }
    }
}

/// Looks for that host's certificates.
struct OfHost {
    name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ChainVerifier for OfHost {
    fn verify_chain(&self, chain: &[&[u8]]) -> Result<(), ChainError> {
        let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(*der)).collect();
        let (leaf, others) = chain.split_first().ok_or(ChainError::Malformed)?;
        let verified = self.verifier.verify_server_cert(leaf, others, &self.name, &[], UnixTime::now());
        verified.map(drop).map_err(|error| {
            tracing::trace!(%error, "a chain of certificates shows nothing");
            reason(&error)
        })
    }

    fn signatures(&self) -> Vec<u16> {
        self.verifier.supported_verify_schemes().into_iter().map(u16::from).collect()
    }
}

fn reason(error: &Error) -> ChainError {
    use CertificateError as Of;
    let Error::InvalidCertificate(error) = error else { return ChainError::Unacceptable };
    match error {
        Of::BadEncoding => ChainError::Malformed,
        Of::Expired | Of::ExpiredContext { .. } | Of::NotValidYet | Of::NotValidYetContext { .. } => {
            ChainError::NotValidNow
        }
        Of::NotValidForName | Of::NotValidForNameContext { .. } => ChainError::WrongName,
        Of::UnknownIssuer | Of::BadSignature => ChainError::UnknownIssuer,
        Of::Revoked => ChainError::Revoked,
        _ => ChainError::Unacceptable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    /// For `localhost` and 127.0.0.1, and vouches for itself.
    const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/whip/localhost.pem");

    fn certificate() -> Vec<u8> {
        CertificateDer::from_pem_file(CERTIFICATE).expect("it is there").to_vec()
    }

    fn verify(trust: &Trust, host: &str, chain: &[&[u8]]) -> Result<(), ChainError> {
        trust.identity(host).expect("a host").verify(chain)
    }

    /// Guards the verifier: the name, who is trusted, and the certificate itself.
    #[test]
    fn a_chain_is_for_a_name_and_from_somebody_trusted() {
        let der = certificate();
        let trust = Trust::in_roots(vec![der.clone()]);
        for host in ["localhost", "127.0.0.1", "LOCALHOST"] {
            assert_eq!(verify(&trust, host, &[&der]), Ok(()), "{host}");
        }
        for host in ["turn.example", "127.0.0.2", "[::1]"] {
            assert_eq!(verify(&trust, host, &[&der]), Err(ChainError::WrongName), "{host}");
        }
        assert_eq!(verify(&trust, "localhost", &[b"no certificate"]), Err(ChainError::Malformed));
        assert_eq!(verify(&trust, "localhost", &[]), Err(ChainError::Malformed));
        let mut damaged = der.clone();
        *damaged.last_mut().expect("a signature") ^= 1;
        assert!(verify(&trust, "localhost", &[&damaged]).is_err());
        assert!(trust.identity("no host").is_err());
    }

    #[test]
    fn a_chain_that_nobody_vouches_for_is_told_as_such() {
        let other = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/namespaces/turn.pem");
        let other = CertificateDer::from_pem_file(other).expect("it is there").to_vec();
        let trust = Trust::in_roots(vec![other]);
        assert_eq!(verify(&trust, "localhost", &[&certificate()]), Err(ChainError::UnknownIssuer));
    }

    #[test]
    fn servers_are_told_of_signatures_that_others_make_today() {
        let trust = Trust::in_roots(vec![certificate()]);
        let said =
            OfHost { name: server_name("localhost").expect("a name"), verifier: trust.verifier().expect("roots") };
        // RSA and ECDSA on P-256 and P-384, as authorities sign.
        assert!([0x0401, 0x0403, 0x0503, 0x0804].iter().all(|scheme| said.signatures().contains(scheme)));
        assert!(!said.signatures().contains(&0x0201), "none with SHA-1");
    }
}

//! What DTLS agreed on, read from the handshake on the loopback interface: no stack's own word is taken for it.

use serde_json::{Map, Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::Read;
use std::time::{Duration, Instant};

/// A socket that sees every UDP datagram that arrives on this host.
#[derive(Debug)]
pub(crate) struct Listener(Socket);

impl Listener {
    /// Needs the right to open raw sockets.
    pub fn open() -> Option<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).ok()?;
        socket.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
        Some(Self(socket))
    }

    /// The first ServerHello that arrives in time.
    pub fn report(mut self, within: Duration, into: &mut Map<String, Value>) {
        let started = Instant::now();
        let mut packet = [0; 65_536];
        while started.elapsed() < within {
            let len = self.0.read(&mut packet).unwrap_or_default();
            if let Some((version, suite)) = find(&packet[..len]) {
                into.insert("dtls".to_owned(), json!(version));
                into.insert("suite".to_owned(), json!(suite));
                return;
            }
        }
    }
}

/// Version and cipher suite, if the IPv4 packet holds a ServerHello.
///
/// Source: [RFC 6347 §4.2.2](https://www.rfc-editor.org/rfc/rfc6347#section-4.2.2),
/// [RFC 9147 §5](https://www.rfc-editor.org/rfc/rfc9147#section-5)
fn find(packet: &[u8]) -> Option<(&'static str, String)> {
    const RECORD: usize = 13;
    const HANDSHAKE: usize = 12;
    let header = usize::from(packet.first()? & 15) * 4;
    let record = packet.get(header + 8..)?;
    let hello = record.get(RECORD + HANDSHAKE..)?;
    // A handshake record in the clear that begins with a ServerHello of a version of DTLS.
    if record[0] != 22 || record[1] != 0xFE || record[RECORD] != 2 || hello.first() != Some(&0xFE) {
        return None;
    }
    let session = usize::from(*hello.get(34)?);
    let suite = u16::from_be_bytes([*hello.get(35 + session)?, *hello.get(36 + session)?]);
    let version = if suite >> 8 == 0x13 { "1.3" } else { "1.2" };
    let name = match suite {
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xC02B => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xC02C => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xC02F => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xC0AC => "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
        0xCCA9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        other => return Some((version, format!("{other:#06x}"))),
    };
    Some((version, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_suite_behind_a_session_id() {
        let mut packet = vec![0x45; 20];
        packet.extend([0; 8]);
        packet.extend([22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60]);
        packet.extend([2, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 48]);
        packet.extend([0xFE, 0xFD]);
        packet.extend([7; 32]);
        packet.extend([2, 9, 9, 0xC0, 0x2B, 0]);
        assert_eq!(find(&packet), Some(("1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned())));
        assert_eq!(find(&packet[..60]), None);
    }
}

//! Candidates as plain data.

use super::tokens;
use ortica_ice::{Candidate, CandidateError, CandidateKind, TcpType, Transport};
use std::fmt;
use std::str::FromStr;

tokens! {
    /// What a transport carries.
    ///
    /// Source: [webrtc-pc §5.6.5](https://www.w3.org/TR/webrtc/#rtcicecomponent)
    IceComponent {
        /// Everything, RTCP included.
        Rtp = "rtp",
        /// RTCP of a peer that does not multiplex it.
        Rtcp = "rtcp",
    }

    /// The protocol of a candidate.
    ///
    /// Source: [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#rtciceprotocol-enum)
    IceProtocol {
        /// UDP.
        Udp = "udp",
        /// TCP (RFC 6544).
        Tcp = "tcp",
    }

    /// How the owner of a candidate came by it.
    ///
    /// Source: [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#rtcicecandidatetype-enum)
    IceCandidateType {
        /// Bound on an interface of its own.
        Host = "host",
        /// A STUN server saw it.
        Srflx = "srflx",
        /// The peer saw it in a check.
        Prflx = "prflx",
        /// A TURN server lends it.
        Relay = "relay",
    }

    /// Who opens a TCP connection.
    ///
    /// Source: [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#rtcicetcpcandidatetype-enum)
    IceTcpCandidateType {
        /// The owner of the candidate.
        Active = "active",
        /// The other side.
        Passive = "passive",
        /// Both at once.
        So = "so",
    }
}

/// A candidate, field by field. `FromStr` and `Display` are the `candidate` attribute of SDP, with its name before the colon.
///
/// Source: [ORTC `RTCIceCandidate`](https://draft.ortc.org/#rtcicecandidate*),
/// [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#rtcicecandidate-interface)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "camelCase"))]
pub struct IceCandidate {
    /// Groups candidates that are likely to work or fail together: 1 to 32 characters of `ice-char`.
    pub foundation: String,
    /// What it is for. ORTC, which multiplexes RTCP here, has no word for it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub component: IceComponent,
    /// Its owner's preference, 1 to 2^31 - 1; higher is better.
    pub priority: u32,
    /// An address, or a name under `.local`. `None` where its owner did not tell it: a peer-reflexive one.
    #[cfg_attr(feature = "serde", serde(alias = "ip", default, skip_serializing_if = "Option::is_none"))]
    pub address: Option<String>,
    /// Its protocol.
    pub protocol: IceProtocol,
    /// Its port.
    pub port: u16,
    /// How its owner came by it.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: IceCandidateType,
    /// Who opens the connection; of TCP alone.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub tcp_type: Option<IceTcpCandidateType>,
    /// What it was derived from.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub related_address: Option<String>,
    /// The port of that.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub related_port: Option<u16>,
    /// The username fragment of the generation it belongs to; absent means the latest.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub username_fragment: Option<String>,
}

/// Two candidates that ICE sends between.
///
/// Source: [webrtc-pc §5.6.4](https://www.w3.org/TR/webrtc/#rtcicecandidatepair)
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct IceCandidatePair {
    /// Ours.
    pub local: IceCandidate,
    /// The peer's.
    pub remote: IceCandidate,
}

impl IceCandidate {
    /// `None` for one of a protocol that has no name here.
    pub fn of(candidate: &Candidate) -> Option<Self> {
        let protocol = match candidate.transport {
            Transport::Udp => IceProtocol::Udp,
            Transport::Tcp => IceProtocol::Tcp,
            _ => return None,
        };
        let (related_address, related_port) = candidate.related.clone().unzip();
        Some(Self {
            foundation: candidate.foundation.clone(),
            component: if candidate.component == 2 { IceComponent::Rtcp } else { IceComponent::Rtp },
            priority: candidate.priority,
            address: Some(candidate.address.to_string()),
            protocol,
            port: candidate.port,
            kind: match candidate.kind {
                CandidateKind::Host => IceCandidateType::Host,
                CandidateKind::ServerReflexive => IceCandidateType::Srflx,
                CandidateKind::PeerReflexive => IceCandidateType::Prflx,
                CandidateKind::Relayed => IceCandidateType::Relay,
            },
            tcp_type: candidate.tcp_type.map(|tcp_type| match tcp_type {
                TcpType::Active => IceTcpCandidateType::Active,
                TcpType::Passive => IceTcpCandidateType::Passive,
                TcpType::SimultaneousOpen => IceTcpCandidateType::So,
            }),
            related_address: related_address.map(|address| address.to_string()),
            related_port,
            username_fragment: candidate.ufrag.clone(),
        })
    }

    /// The same for checks, its text read by the rules of SDP.
    ///
    /// # Errors
    /// When a field holds what the grammar of the attribute forbids, or the address is missing.
    pub fn to_candidate(&self) -> Result<Candidate, CandidateError> {
        let address = self.address.as_ref().ok_or(CandidateError::Missing("address"))?;
        // A field of several words would be read as several fields.
        let words = [
            ("foundation", Some(&self.foundation)),
            ("address", Some(address)),
            ("related address", self.related_address.as_ref()),
            ("username fragment", self.username_fragment.as_ref()),
        ];
        let is_word = |text: &&String| !text.is_empty() && !text.contains(char::is_whitespace);
        match words.into_iter().find(|(_, text)| text.is_some_and(|text| !is_word(&text))) {
            Some((field, _)) => Err(CandidateError::Invalid(field)),
            None => self.to_string().parse(),
        }
    }

    /// The peer's candidate of a pair: where it did not signal its address, nobody is told either.
    ///
    /// Source: [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#dom-rtcicecandidate-address)
    fn of_peer(candidate: &Candidate) -> Option<Self> {
        let seen = Self::of(candidate)?;
        let hidden = seen.kind == IceCandidateType::Prflx;
        Some(Self { address: seen.address.filter(|_| !hidden), ..seen })
    }
}

impl crate::jsep::IceCandidate {
    /// Its candidate, field by field; `None` where the text is none.
    ///
    /// Source: [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#rtcicecandidate-interface)
    pub fn fields(&self) -> Option<IceCandidate> {
        self.candidate.parse().ok()
    }
}

impl IceCandidatePair {
    /// `None` when one of them is of a protocol that has no name here.
    pub fn of(pair: &crate::engine::CandidatePair) -> Option<Self> {
        Some(Self { local: IceCandidate::of(&pair.local)?, remote: IceCandidate::of_peer(&pair.remote)? })
    }
}

impl fmt::Display for IceCandidate {
    /// Empty where the address is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(address) = &self.address else { return Ok(()) };
        let Self { foundation, priority, protocol, port, kind, .. } = self;
        let component = if self.component == IceComponent::Rtcp { 2 } else { 1 };
        write!(f, "candidate:{foundation} {component} {protocol} {priority} {address} {port} typ {kind}")?;
        if let (Some(address), Some(port)) = (&self.related_address, self.related_port) {
            write!(f, " raddr {address} rport {port}")?;
        }
        if let Some(tcp_type) = self.tcp_type {
            write!(f, " tcptype {tcp_type}")?;
        }
        if let Some(ufrag) = &self.username_fragment {
            write!(f, " ufrag {ufrag}")?;
        }
        Ok(())
    }
}

impl FromStr for IceCandidate {
    type Err = CandidateError;

    fn from_str(text: &str) -> Result<Self, CandidateError> {
        Self::of(&text.parse()?).ok_or(CandidateError::Invalid("transport"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host ufrag Ab3+";
    const TCP: &str = "candidate:2 2 tcp 1675624447 2001:db8::1 9 typ srflx raddr 10.0.0.1 rport 9 tcptype active";

    #[test]
    fn the_attribute_reads_and_writes_the_same() {
        for text in [HOST, TCP] {
            let candidate: IceCandidate = text.parse().unwrap();
            assert_eq!(candidate.to_string(), text);
            assert_eq!(IceCandidate::of(&candidate.to_candidate().unwrap()), Some(candidate));
        }
    }

    #[test]
    fn what_no_attribute_could_say_is_refused() {
        let good: IceCandidate = HOST.parse().unwrap();
        let bad = [
            IceCandidate { address: None, ..good.clone() },
            IceCandidate { address: Some("192.0.2.1 9 typ host".to_owned()), ..good.clone() },
            IceCandidate { foundation: String::new(), ..good.clone() },
            IceCandidate { foundation: "a b".to_owned(), ..good.clone() },
        ];
        for candidate in bad {
            assert!(candidate.to_candidate().is_err(), "{candidate:?}");
        }
        assert!("candidate:1 1 sctp 1 192.0.2.1 50000 typ host".parse::<IceCandidate>().is_err());
    }

    #[test]
    fn the_peers_address_is_told_only_where_it_was_signalled() {
        let text = "candidate:1 1 udp 1 192.0.2.1 50000 typ prflx";
        let pair = crate::engine::CandidatePair { local: text.parse().unwrap(), remote: text.parse().unwrap() };
        let pair = IceCandidatePair::of(&pair).unwrap();
        assert_eq!(pair.local.address.as_deref(), Some("192.0.2.1"));
        assert_eq!((pair.remote.address.as_deref(), pair.remote.to_string()), (None, String::new()));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_has_the_names_of_ortc() {
        let candidate: IceCandidate = TCP.parse().unwrap();
        let json = r#"{"foundation":"2","component":"rtcp","priority":1675624447,"address":"2001:db8::1","protocol":"tcp","port":9,"type":"srflx","tcpType":"active","relatedAddress":"10.0.0.1","relatedPort":9}"#;
        assert_eq!(serde_json::to_string(&candidate).unwrap(), json);
        assert_eq!(serde_json::from_str::<IceCandidate>(json).unwrap(), candidate);
        let ortc = r#"{"foundation":"1","priority":1,"ip":"192.0.2.1","protocol":"udp","port":50000,"type":"host","tcpType":null}"#;
        let read: IceCandidate = serde_json::from_str(ortc).unwrap();
        assert_eq!(read.to_string(), "candidate:1 1 udp 1 192.0.2.1 50000 typ host");
        assert!(serde_json::from_str::<IceCandidate>(r#"{"foundation":"1"}"#).is_err());
    }
}

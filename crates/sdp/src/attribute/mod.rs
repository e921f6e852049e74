//! Attributes (`a=`): one enum of those that WebRTC speaks of, and room for all others.
//!
//! A file each for what belongs together. To add one: its type with `read` and `write` in a file here, and one line in
//! the table below.

mod direction;
mod extmap;
mod feedback;
mod fingerprint;
mod fmtp;
mod group;
mod ice;
mod msid;
mod packet_time;
mod rid;
mod rtcp;
mod rtpmap;
mod sctp;
mod setup;
mod simulcast;
mod ssrc;

pub use direction::{Direction, UnknownDirection};
pub use extmap::Extmap;
pub use feedback::{Feedback, RtcpFeedback};
pub use fingerprint::{Fingerprint, FingerprintError, HashAlgorithm, strongest_fingerprints};
pub use fmtp::{Fmtp, Format, Parameters};
pub use group::{Group, GroupSemantics};
pub use ice::IceOptions;
pub use msid::Msid;
pub use packet_time::PacketTime;
pub use rid::{Rid, RidDirection};
pub use rtcp::{Rtcp, RtcpMuxPolicy};
pub use rtpmap::RtpMap;
pub use sctp::{MaxMessageSize, SctpInit, SctpMap};
pub use setup::{Connection, DtlsRole, Setup, SetupError};
pub use simulcast::{Simulcast, SimulcastRid, SimulcastStreams};
pub use ssrc::{SsrcAttribute, SsrcGroup, SsrcSemantics};

use std::fmt;
use std::str::FromStr;

use crate::SdpError;
use crate::cursor::{Cursor, spend, split_at_byte};
use crate::write;

/// Makes [`Attribute`] with its names, its reader and its writer out of one table. `via` names how the value is
/// read and written: `typed` by its type, `token` as one word, `text` as it stands, `number`.
macro_rules! attributes {
    (
        values { $( $(#[doc = $value_doc:literal])* $value:ident($type:ty) = $value_name:literal via $codec:ident, )* }
        flags { $( $(#[doc = $flag_doc:literal])* $flag:ident = $flag_name:literal, )* }
    ) => {
        /// One `a=` line.
        ///
        /// [`FromStr`] reads the line with or without its `a=`, [`Display`](fmt::Display) writes it without.
        ///
        /// Source: [RFC 8866 §5.13](https://www.rfc-editor.org/rfc/rfc8866#section-5.13)
        #[derive(Clone, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum Attribute {
            $( $(#[doc = $value_doc])* $value($type), )*
            $( $(#[doc = $flag_doc])* $flag, )*
            /// `a=sendrecv`, `a=sendonly`, `a=recvonly`, `a=inactive`: which way media flows, seen from who says so.
            Direction(Direction),
            /// Any other attribute, exactly as it stands.
            Other {
                /// What is before the colon.
                name: String,
                /// What is after the colon; `None` when there is none.
                value: Option<String>,
            },
        }

        impl Attribute {
            /// The name before the colon.
            pub fn name(&self) -> &str {
                match self {
                    $( Self::$value(_) => $value_name, )*
                    $( Self::$flag => $flag_name, )*
                    Self::Direction(direction) => direction.as_str(),
                    Self::Other { name, .. } => name,
                }
            }

            /// Reads the value of a known attribute; `None` when the name is not known.
            fn read_known(name: &str, cursor: &mut Cursor<'_>) -> Result<Option<Self>, SdpError> {
                Ok(Some(match name {
                    $( $value_name => Self::$value(codec::$codec::read(cursor, $value_name)?), )*
                    $( $flag_name => Self::$flag, )*
                    _ => match Direction::from_name(name) {
                        Some(direction) => Self::Direction(direction),
                        None => return Ok(None),
                    },
                }))
            }

            /// Appends the line without its `a=` and its end.
            pub(crate) fn write(&self, out: &mut String) {
                match self {
                    $( Self::$value(value) => {
                        out.push_str(concat!($value_name, ":"));
                        codec::$codec::write(value, out);
                    } )*
                    $( Self::$flag => out.push_str($flag_name), )*
                    Self::Direction(direction) => out.push_str(direction.as_str()),
                    Self::Other { name, value } => {
                        write::text(out, name);
                        if let Some(value) = value {
                            out.push(':');
                            write::text(out, value);
                        }
                    }
                }
            }
        }
    };
}

// In order of how often they occur, which is the order in which names are compared.
attributes! {
    values {
        /// `a=rtcp-fb`: feedback that a payload type may use.
        RtcpFeedback(RtcpFeedback) = "rtcp-fb" via typed,
        /// `a=rtpmap`: what a payload type stands for.
        RtpMap(RtpMap) = "rtpmap" via typed,
        /// `a=fmtp`: parameters of a format.
        Fmtp(Fmtp) = "fmtp" via typed,
        /// `a=extmap`: what the id of an RTP header extension stands for.
        Extmap(Extmap) = "extmap" via typed,
        /// `a=ssrc`: something about one synchronisation source.
        Ssrc(SsrcAttribute) = "ssrc" via typed,
        /// `a=candidate`: an ICE candidate, kept as text.
        Candidate(String) = "candidate" via text,
        /// `a=mid`: the name of the section.
        Mid(String) = "mid" via token,
        /// `a=setup`: who opens the DTLS association.
        Setup(Setup) = "setup" via typed,
        /// `a=ice-ufrag`: the user name of ICE's connectivity checks.
        IceUfrag(String) = "ice-ufrag" via token,
        /// `a=ice-pwd`: the password of ICE's connectivity checks.
        IcePwd(String) = "ice-pwd" via token,
        /// `a=ice-options`: what the ICE agent can do, such as `trickle`.
        IceOptions(IceOptions) = "ice-options" via typed,
        /// `a=fingerprint`: the hash of a certificate.
        Fingerprint(Fingerprint) = "fingerprint" via typed,
        /// `a=msid`: which stream and track the section carries.
        Msid(Msid) = "msid" via typed,
        /// `a=msid-semantic`: what stream names mean, kept as it stands. Browsers write it, none needs it; Chromium
        /// puts a space after the colon.
        MsidSemantic(String) = "msid-semantic" via text,
        /// `a=group`: sections that belong together.
        Group(Group) = "group" via typed,
        /// `a=rtcp`: where RTCP goes when it has a port of its own.
        Rtcp(Rtcp) = "rtcp" via typed,
        /// `a=ssrc-group`: sources that belong together.
        SsrcGroup(SsrcGroup) = "ssrc-group" via typed,
        /// `a=sctp-port`: the port inside SCTP.
        SctpPort(u16) = "sctp-port" via number,
        /// `a=max-message-size`: see [`MaxMessageSize`].
        MaxMessageSize(MaxMessageSize) = "max-message-size" via typed,
        /// `a=sctp-init`: see [`SctpInit`]. One with a syntax error is an [`Other`](Self::Other), as such lines are ignored.
        SctpInit(SctpInit) = "sctp-init" via typed,
        /// `a=rid`: an encoding and what restricts it. One with a syntax error is an [`Other`](Self::Other), as
        /// RFC 8851 §6.2.2 has such lines dropped.
        Rid(Rid) = "rid" via typed,
        /// `a=simulcast`: encodings sent or received side by side.
        Simulcast(Simulcast) = "simulcast" via typed,
        /// `a=sctpmap`: ports and streams as drafts before RFC 8841 wrote them.
        SctpMap(SctpMap) = "sctpmap" via typed,
        /// `a=rtcp-xr`: RTCP extended reports (RFC 3611), kept as it stands.
        RtcpXr(String) = "rtcp-xr" via text,
        /// `a=tls-id`: names the DTLS association; a changed one asks for a new association.
        TlsId(String) = "tls-id" via token,
        /// `a=connection`: whether to open a connection (RFC 4145).
        Connection(Connection) = "connection" via typed,
        /// `a=ptime`: how long the audio in a packet lasts.
        PacketTime(PacketTime) = "ptime" via typed,
        /// `a=maxptime`: how long the audio in a packet may last at most.
        MaxPacketTime(PacketTime) = "maxptime" via typed,
        /// `a=imageattr`: picture sizes that suit (RFC 6236), kept as it stands.
        ImageAttr(String) = "imageattr" via text,
        /// `a=ice-pacing`: milliseconds between two connectivity checks.
        IcePacing(u32) = "ice-pacing" via number,
        /// `a=remote-candidates`: the candidates in use (ICE without WebRTC), kept as text.
        RemoteCandidates(String) = "remote-candidates" via text,
        /// `a=identity`: an identity assertion (RFC 8827), kept as text.
        Identity(String) = "identity" via text,
    }
    flags {
        /// `a=rtcp-mux`: RTP and RTCP share a port.
        RtcpMux = "rtcp-mux",
        /// `a=rtcp-rsize`: RTCP need not be compound.
        RtcpReducedSize = "rtcp-rsize",
        /// `a=end-of-candidates`: there will be no more candidates.
        EndOfCandidates = "end-of-candidates",
        /// `a=extmap-allow-mixed`: one- and two-byte RTP header extensions may alternate.
        ExtmapAllowMixed = "extmap-allow-mixed",
        /// `a=cryptex`: header extensions and contributing sources may be encrypted (RFC 9335).
        Cryptex = "cryptex",
        /// `a=bundle-only`: the section has no transport of its own, only that of its group.
        BundleOnly = "bundle-only",
        /// `a=rtcp-mux-only`: the section cannot do without `a=rtcp-mux`.
        RtcpMuxOnly = "rtcp-mux-only",
        /// `a=ice-lite`: the agent only answers checks.
        IceLite = "ice-lite",
        /// `a=ice-mismatch`: the default destination was no candidate.
        IceMismatch = "ice-mismatch",
    }
}

impl Attribute {
    /// An attribute that this crate does not know, with a value.
    pub fn other(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Other { name: name.into(), value: Some(value.into()) }
    }

    /// An attribute that this crate does not know, without a value.
    pub fn flag(name: impl Into<String>) -> Self {
        Self::Other { name: name.into(), value: None }
    }

    /// Reads what follows `a=`.
    pub(crate) fn parse(line: &str) -> Result<Self, SdpError> {
        let (name, value) = match split_at_byte(line, b':') {
            Some((name, value)) => (name, Some(value)),
            None => (line, None),
        };
        spend(name.len());
        if name.is_empty() {
            return Err(Cursor::new(line).invalid("attribute name"));
        }
        let offset = if value.is_some() { name.len() + 1 } else { name.len() };
        let mut cursor = Cursor::new(value.unwrap_or_default());
        let known = Self::read_known(name, &mut cursor)
            .and_then(|known| known.map(|known| cursor.finish("the attribute").map(|()| known)).transpose());
        match known {
            Ok(Some(attribute)) => Ok(attribute),
            // RFC 8851 §6.2.2: "In the case of a syntax error, the "a=rid" line is discarded"; the session stays.
            Err(_) if name == "rid" => Ok(Self::unknown(name, value)),
            // draft-hancke-tsvwg-snap: what is no base64 is ignored without a word.
            Err(_) if name == "sctp-init" => Ok(Self::unknown(name, value)),
            Ok(None) => Ok(Self::unknown(name, value)),
            Err(error) => Err(error.within(1, None, offset)),
        }
    }

    fn unknown(name: &str, value: Option<&str>) -> Self {
        spend(value.map_or(0, str::len));
        Self::Other { name: name.into(), value: value.map(Into::into) }
    }

    /// Whether `self` says the same kind of thing as `other`: same name, or both a direction.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Direction(_), Self::Direction(_)) => true,
            _ => self.name() == other.name(),
        }
    }
}

impl FromStr for Attribute {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, SdpError> {
        Self::parse(text.strip_prefix("a=").unwrap_or(text))
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.pad(&out)
    }
}

macro_rules! from_value {
    ($($variant:ident($type:ty)),* $(,)?) => {$(
        impl From<$type> for Attribute {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

from_value! {
    Connection(Connection), Direction(Direction), Extmap(Extmap), Fingerprint(Fingerprint), Fmtp(Fmtp), Group(Group),
    IceOptions(IceOptions), MaxMessageSize(MaxMessageSize), Msid(Msid), Rid(Rid), Rtcp(Rtcp),
    RtcpFeedback(RtcpFeedback), RtpMap(RtpMap), SctpInit(SctpInit), SctpMap(SctpMap), Setup(Setup), Simulcast(Simulcast),
    Ssrc(SsrcAttribute), SsrcGroup(SsrcGroup),
}

/// The ways a value can be read and written.
mod codec {
    pub(super) mod typed {
        use crate::SdpError;
        use crate::cursor::Cursor;
        use crate::write::Value;

        pub(in super::super) fn read<T: Value>(cursor: &mut Cursor<'_>, _name: &'static str) -> Result<T, SdpError> {
            T::read(cursor)
        }

        pub(in super::super) fn write<T: Value>(value: &T, out: &mut String) {
            value.write(out);
        }
    }

    pub(super) mod token {
        use crate::SdpError;
        use crate::cursor::Cursor;

        pub(in super::super) fn read(cursor: &mut Cursor<'_>, name: &'static str) -> Result<String, SdpError> {
            cursor.token(name).map(Into::into)
        }

        pub(in super::super) fn write(value: &str, out: &mut String) {
            crate::write::text(out, value);
        }
    }

    pub(super) mod text {
        use crate::SdpError;
        use crate::cursor::Cursor;

        pub(in super::super) fn read(cursor: &mut Cursor<'_>, name: &'static str) -> Result<String, SdpError> {
            match cursor.rest() {
                "" => Err(cursor.invalid(name)),
                text => Ok(text.into()),
            }
        }

        pub(in super::super) fn write(value: &str, out: &mut String) {
            crate::write::text(out, value);
        }
    }

    pub(super) mod number {
        use crate::SdpError;
        use crate::cursor::Cursor;

        pub(in super::super) fn read<N: TryFrom<u64>>(
            cursor: &mut Cursor<'_>,
            name: &'static str,
        ) -> Result<N, SdpError> {
            cursor.number(name)
        }

        pub(in super::super) fn write<N: Into<u64> + Copy>(value: &N, out: &mut String) {
            crate::write::number(out, *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SdpErrorKind;

    #[test]
    fn an_unknown_attribute_is_kept_as_it_stands() {
        for line in ["x-flag", "x-value:1 2  3 ", "x-empty:", "x:y:z", "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x|2^20"]
        {
            let attribute: Attribute = line.parse().unwrap();
            assert!(matches!(attribute, Attribute::Other { .. }), "{line}");
            assert_eq!(attribute.to_string(), line);
        }
    }

    #[test]
    fn a_malformed_value_of_a_known_attribute_is_an_error_with_its_place() {
        let error = "a=rtpmap:96 VP8/fast".parse::<Attribute>().unwrap_err();
        assert_eq!((error.kind(), error.column()), (SdpErrorKind::Invalid("clock rate"), 15));
        for line in
            ["mid:", "mid", "mid:a b", "rtcp-mux:yes", "sctp-port:65536", "candidate:", "setup:sideways", ":x", ""]
        {
            assert!(line.parse::<Attribute>().is_err(), "{line}");
        }
    }

    #[test]
    fn a_malformed_rid_is_dropped_to_an_unknown_attribute() {
        let attribute: Attribute = "rid:a sideways".parse().unwrap();
        assert_eq!(attribute, Attribute::other("rid", "a sideways"));
    }

    #[test]
    fn a_direction_replaces_any_other_direction() {
        let [send, receive] = [Direction::SendOnly, Direction::RecvOnly].map(Attribute::Direction);
        assert!(send.replaces(&receive));
        assert!(!send.replaces(&Attribute::RtcpMux));
        assert!(Attribute::flag("x").replaces(&Attribute::other("x", "1")));
    }
}

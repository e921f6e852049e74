//! One media section: an `m=` line and what follows it.

use std::fmt;
use std::str::FromStr;

use crate::level::{all, first, has, level};
use crate::line::{Address, Bandwidth};
use crate::session::{attribute_lines, line, text_lines, value_lines};
use crate::write;
use crate::{
    Attribute, Fmtp, Format, Limits, MaxMessageSize, Msid, PacketTime, Parameters, Rid, Rtcp, RtcpFeedback, RtpMap,
    SctpInit, SctpMap, SdpError, Simulcast, SsrcAttribute, SsrcGroup, parse,
};

/// A media section.
///
/// [`FromStr`] reads one by itself, [`Display`](fmt::Display) writes it.
///
/// Source: [RFC 8866 §5.14](https://www.rfc-editor.org/rfc/rfc8866#section-5.14)
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Media {
    /// What flows.
    pub kind: MediaKind,
    /// Where it flows to: 9 as long as ICE has not found out, 0 in a rejected section (see
    /// [`is_rejected`](Self::is_rejected)).
    pub port: u16,
    /// How many ports, written after a slash; WebRTC never does.
    pub port_count: Option<u32>,
    /// How it flows.
    pub protocol: Protocol,
    /// In which formats, best liked first. As there has to be one, `0` is written when there is none.
    pub formats: Vec<Format>,
    /// `i=`
    pub title: Option<String>,
    /// `c=`
    pub connection: Option<Address>,
    /// `b=`
    pub bandwidths: Vec<Bandwidth>,
    /// `k=`, as it stands; obsolete.
    pub key: Option<String>,
    /// `a=`
    pub attributes: Vec<Attribute>,
}

/// What flows in a section.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MediaKind {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `application`: data channels.
    Application,
    /// Any other, such as `text` or `image`. Such a section is kept, to be rejected in its place.
    Other(String),
}

impl MediaKind {
    /// The token in SDP.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Application => "application",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for MediaKind {
    fn from(token: &str) -> Self {
        match token {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "application" => Self::Application,
            _ => Self::Other(token.into()),
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What carries a section. Only those that WebRTC writes have a name; older tokens are [`Other`](Self::Other), see
/// [`is_rtp`](Self::is_rtp) and [`is_sctp`](Self::is_sctp).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// `UDP/TLS/RTP/SAVPF`: RTP over DTLS-SRTP.
    UdpTlsRtpSavpf,
    /// `UDP/DTLS/SCTP`: data channels.
    UdpDtlsSctp,
    /// Any other, such as `RTP/SAVPF`, `TCP/DTLS/SCTP`, `DTLS/SCTP`, `RTP/AVP`.
    Other(String),
}

impl Protocol {
    /// The token in SDP.
    pub fn as_str(&self) -> &str {
        match self {
            Self::UdpTlsRtpSavpf => "UDP/TLS/RTP/SAVPF",
            Self::UdpDtlsSctp => "UDP/DTLS/SCTP",
            Self::Other(name) => name,
        }
    }

    /// Whether it carries RTP, encrypted or not.
    pub fn is_rtp(&self) -> bool {
        let profile = self.as_str().rsplit_once("RTP/").map(|(_, profile)| profile);
        matches!(profile, Some("SAVPF" | "SAVP" | "AVPF" | "AVP"))
    }

    /// Whether it carries RTP that is never sent in the clear. The others must not be run.
    pub fn is_secure_rtp(&self) -> bool {
        self.is_rtp() && self.as_str().rsplit_once('/').is_some_and(|(_, profile)| profile.starts_with('S'))
    }

    /// Whether it carries SCTP over DTLS.
    pub fn is_sctp(&self) -> bool {
        matches!(self.as_str(), "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" | "DTLS/SCTP")
    }
}

impl From<&str> for Protocol {
    fn from(token: &str) -> Self {
        match token {
            "UDP/TLS/RTP/SAVPF" => Self::UdpTlsRtpSavpf,
            "UDP/DTLS/SCTP" => Self::UdpDtlsSctp,
            _ => Self::Other(token.into()),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Media {
    /// A section without attributes: port 9, address 0.0.0.0, as before ICE knows better.
    pub fn new(kind: MediaKind, protocol: Protocol) -> Self {
        Self {
            kind,
            port: 9,
            port_count: None,
            protocol,
            formats: Vec::new(),
            title: None,
            connection: Some(Address::ip4("0.0.0.0")),
            bandwidths: Vec::new(),
            key: None,
            attributes: Vec::new(),
        }
    }

    /// A section of audio or video with that `a=mid`.
    pub fn rtp(kind: MediaKind, mid: impl Into<String>) -> Self {
        Self::new(kind, Protocol::UdpTlsRtpSavpf).with(Attribute::Mid(mid.into()))
    }

    /// A section for data channels with that `a=mid`. Its `a=sctp-port` is still to be added.
    pub fn data(mid: impl Into<String>) -> Self {
        let mut media = Self::new(MediaKind::Application, Protocol::UdpDtlsSctp).with(Attribute::Mid(mid.into()));
        media.formats.push(Format::Name("webrtc-datachannel".into()));
        media
    }

    /// Appends the section.
    pub(crate) fn write(&self, out: &mut String) {
        line(out, "m=", |out| {
            write::text(out, self.kind.as_str());
            out.push(' ');
            write::number(out, self.port);
            if let Some(count) = self.port_count {
                out.push('/');
                write::number(out, count);
            }
            out.push(' ');
            write::text(out, self.protocol.as_str());
            if self.formats.is_empty() {
                out.push_str(" 0");
            }
            write::each_after(out, ' ', &self.formats, |out, format| format.write(out));
        });
        text_lines(out, "i=", &self.title);
        value_lines(out, "c=", &self.connection);
        value_lines(out, "b=", &self.bandwidths);
        text_lines(out, "k=", &self.key);
        attribute_lines(out, &self.attributes);
    }

    /// Whether nothing is to flow: port 0, and not because the section lives on its bundle's transport.
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && !self.bundle_only()
    }

    /// Rejects the section. It keeps its place, its kind and its formats.
    pub fn reject(&mut self) {
        self.port = 0;
        self.attributes.retain(|attribute| !matches!(attribute, Attribute::BundleOnly));
    }

    /// `a=mid`, the name of the section.
    pub fn mid(&self) -> Option<&str> {
        first!(self.attributes, Mid).map(String::as_str)
    }

    /// The payload types among the formats, best liked first.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats.iter().filter_map(Format::payload_type)
    }

    /// `a=rtpmap`, all of them. See [`payloads`](Self::payloads) for all about each payload type at once.
    pub fn rtpmaps(&self) -> impl Iterator<Item = &RtpMap> + '_ {
        all!(self.attributes, RtpMap)
    }

    /// `a=rtpmap` of one payload type.
    pub fn rtpmap(&self, payload_type: u8) -> Option<&RtpMap> {
        self.rtpmaps().find(|it| it.payload_type == payload_type)
    }

    /// `a=fmtp`, all of them.
    pub fn fmtps(&self) -> impl Iterator<Item = &Fmtp> + '_ {
        all!(self.attributes, Fmtp)
    }

    /// `a=fmtp` of one payload type.
    pub fn fmtp(&self, payload_type: u8) -> Option<&Parameters> {
        let is_it = |it: &&Fmtp| it.format.payload_type() == Some(payload_type);
        self.fmtps().find(is_it).map(|it| &it.parameters)
    }

    /// `a=rtcp-fb` of one payload type, those said of all included.
    pub fn rtcp_feedback(&self, payload_type: u8) -> impl Iterator<Item = &RtcpFeedback> + '_ {
        all!(self.attributes, RtcpFeedback).filter(move |it| it.applies_to(payload_type))
    }

    /// `a=ssrc`, all of them.
    pub fn ssrcs(&self) -> impl Iterator<Item = &SsrcAttribute> + '_ {
        all!(self.attributes, Ssrc)
    }

    /// `a=ssrc-group`, all of them.
    pub fn ssrc_groups(&self) -> impl Iterator<Item = &SsrcGroup> + '_ {
        all!(self.attributes, SsrcGroup)
    }

    /// `a=msid`, one for each stream.
    pub fn msids(&self) -> impl Iterator<Item = &Msid> + '_ {
        all!(self.attributes, Msid)
    }

    /// `a=rid`, all of them.
    pub fn rids(&self) -> impl Iterator<Item = &Rid> + '_ {
        all!(self.attributes, Rid)
    }

    /// `a=simulcast`. Where no RTP flows it means nothing, so there is none.
    pub fn simulcast(&self) -> Option<&Simulcast> {
        first!(self.attributes, Simulcast).filter(|_| self.protocol.is_rtp())
    }

    /// `a=candidate`: the text after the colon, `1 1 udp 2113937151 ...`.
    pub fn candidates(&self) -> impl Iterator<Item = &str> + '_ {
        all!(self.attributes, Candidate).map(String::as_str)
    }

    /// `a=end-of-candidates`
    pub fn end_of_candidates(&self) -> bool {
        has!(self.attributes, EndOfCandidates)
    }

    /// `a=rtcp`
    pub fn rtcp(&self) -> Option<&Rtcp> {
        first!(self.attributes, Rtcp)
    }

    /// `a=rtcp-mux`
    pub fn rtcp_mux(&self) -> bool {
        has!(self.attributes, RtcpMux)
    }

    /// `a=rtcp-mux-only`
    pub fn rtcp_mux_only(&self) -> bool {
        has!(self.attributes, RtcpMuxOnly)
    }

    /// `a=rtcp-rsize`
    pub fn rtcp_rsize(&self) -> bool {
        has!(self.attributes, RtcpReducedSize)
    }

    /// `a=bundle-only`
    pub fn bundle_only(&self) -> bool {
        has!(self.attributes, BundleOnly)
    }

    /// `a=ptime`
    pub fn packet_time(&self) -> Option<PacketTime> {
        first!(self.attributes, PacketTime).copied()
    }

    /// `a=maxptime`
    pub fn max_packet_time(&self) -> Option<PacketTime> {
        first!(self.attributes, MaxPacketTime).copied()
    }

    /// The port inside SCTP: `a=sctp-port`, or that of the older `a=sctpmap`.
    pub fn sctp_port(&self) -> Option<u16> {
        first!(self.attributes, SctpPort).copied().or_else(|| self.sctpmap().map(|it| it.port))
    }

    /// `a=sctpmap`
    pub fn sctpmap(&self) -> Option<&SctpMap> {
        first!(self.attributes, SctpMap)
    }

    /// `a=sctp-init`: the INIT chunk of the one who says so.
    pub fn sctp_init(&self) -> Option<&SctpInit> {
        first!(self.attributes, SctpInit)
    }

    /// `a=max-message-size`; 64 KiB when it is not said.
    pub fn max_message_size(&self) -> MaxMessageSize {
        first!(self.attributes, MaxMessageSize).copied().unwrap_or_default()
    }
}

level!(Media);

impl FromStr for Media {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, SdpError> {
        parse::media_section(text, &Limits::default())
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Session, Setup};

    #[test]
    fn a_section_is_rejected_by_port_zero_unless_it_is_bundle_only() {
        let mut media = Media::rtp(MediaKind::Video, "1");
        assert!(!media.is_rejected());
        media.port = 0;
        media.push(Attribute::BundleOnly);
        assert!(!media.is_rejected());
        media.reject();
        assert!(media.is_rejected());
        assert!(!media.bundle_only());
        assert_eq!(media.mid(), Some("1"));
    }

    #[test]
    fn setting_an_attribute_keeps_its_place() {
        let mut media =
            Media::rtp(MediaKind::Audio, "0").with(Direction::SendRecv).with(Setup::ActPass).with(Direction::SendOnly);
        media.set(Direction::Inactive);
        media.set(Attribute::Mid("7".into()));
        media.set(Attribute::RtcpMux);
        let names: Vec<_> = media.attributes.iter().map(Attribute::name).collect();
        assert_eq!(names, ["mid", "inactive", "setup", "rtcp-mux"]);
        assert_eq!(media.mid(), Some("7"));
        assert_eq!((media.remove("setup"), media.remove("setup")), (1, 0));
    }

    #[test]
    fn protocols_are_known_by_their_parts() {
        for (token, rtp, secure, sctp) in [
            ("UDP/TLS/RTP/SAVPF", true, true, false),
            ("UDP/TLS/RTP/SAVP", true, true, false),
            ("TCP/TLS/RTP/SAVPF", true, true, false),
            ("TCP/DTLS/RTP/SAVPF", true, true, false),
            ("RTP/SAVPF", true, true, false),
            ("RTP/AVP", true, false, false),
            ("RTP/AVPF", true, false, false),
            ("UDP/DTLS/SCTP", false, false, true),
            ("TCP/DTLS/SCTP", false, false, true),
            ("DTLS/SCTP", false, false, true),
            ("SCTP", false, false, false),
            ("udp", false, false, false),
        ] {
            let protocol = Protocol::from(token);
            assert_eq!(
                (protocol.is_rtp(), protocol.is_secure_rtp(), protocol.is_sctp()),
                (rtp, secure, sctp),
                "{token}"
            );
            assert_eq!(protocol.to_string(), token);
        }
    }

    #[test]
    fn simulcast_means_nothing_where_no_rtp_flows() {
        let simulcast = Simulcast::send(["a", "b"]);
        assert!(Media::rtp(MediaKind::Video, "0").with(simulcast.clone()).simulcast().is_some());
        assert!(Media::data("0").with(simulcast).simulcast().is_none());
    }

    #[test]
    fn a_section_without_formats_can_be_read_back() {
        let mut session = Session::new(1, 1);
        session.media.push(Media::rtp(MediaKind::Audio, "0"));
        let text = session.to_string();
        assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"));
        assert!(text.parse::<Session>().is_ok());
    }
}

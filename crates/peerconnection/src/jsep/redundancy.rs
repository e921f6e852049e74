//! Packets of sound with those before them (RFC 2198) in descriptions: a payload type of their own, and which codec is inside.

use super::formats::Format;
use crate::engine::RtpRedundancy;
use crate::parameters::{self, RtpCodec};
use ortica_rtp::PayloadType;
use ortica_sdp as sdp;

/// The most earlier frames that go with one.
const MAX_EARLIER: usize = 8;

/// The redundant form of a codec.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Redundancy {
    pub payload_type: u8,
    /// How many earlier frames a packet carries at most.
    pub earlier: u8,
}

impl Redundancy {
    const NAME: &str = "red";

    /// What this side offers: each frame once more.
    pub fn offered(payload_type: u8) -> Self {
        Self { payload_type, earlier: 1 }
    }

    /// What the engine is told.
    pub fn parameters(self) -> RtpRedundancy {
        RtpRedundancy { payload_type: PayloadType(self.payload_type), earlier: self.earlier }
    }

    /// Appends its lines to a section.
    pub fn write(self, of: &Format, media: &mut sdp::Media) {
        let mut rtpmap = sdp::RtpMap::new(self.payload_type, Self::NAME, of.codec().clock_rate());
        if let Some(channels @ 2..) = of.codec().channels() {
            rtpmap = rtpmap.with_channels(channels);
        }
        media.push_payload(rtpmap, Some(self.fmtp(of.payload_type).as_str().into()), []);
    }

    /// Under the W3C's names.
    pub fn codec_parameters(self, of: &Format) -> parameters::RtpCodecParameters {
        let codec = RtpCodec { sdp_fmtp_line: Some(self.fmtp(of.payload_type)), ..RtpCodec::red(of.codec()) };
        parameters::RtpCodecParameters { payload_type: self.payload_type, codec }
    }

    /// The payload types of the frames in a packet, its own among them (RFC 2198 §5).
    fn fmtp(self, of: u8) -> String {
        vec![of.to_string(); usize::from(self.earlier) + 1].join("/")
    }
}

/// The redundant form of a codec that a section has under the payload type `of`: one in which no other is mixed.
pub(super) fn read(payloads: &[sdp::Payload<'_>], of: &sdp::RtpMap) -> Option<Redundancy> {
    let redundancy = |payload: &sdp::Payload<'_>| {
        let rtpmap = payload.rtpmap.as_ref().filter(|rtpmap| rtpmap.is(Redundancy::NAME))?;
        let same = rtpmap.clock_rate == of.clock_rate
            && rtpmap.written_channels.unwrap_or(1) == of.written_channels.unwrap_or(1);
        let inside: Vec<&str> = payload.fmtp?.parameters.as_str().split('/').map(str::trim).collect();
        let alone = inside.len() > 1 && inside.iter().all(|it| it.parse() == Ok(of.payload_type));
        let earlier = (inside.len() - 1).min(MAX_EARLIER) as u8;
        (same && alone).then_some(Redundancy { payload_type: payload.payload_type, earlier })
    };
    payloads.iter().find_map(redundancy)
}

#[cfg(test)]
mod tests {
    use crate::jsep::formats::read;
    use crate::jsep::formats::tests::section;
    use ortica_codecs::MediaKind;

    fn redundancy(lines: &str) -> Option<(u8, u8)> {
        let text = format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n{lines}\r\n"
        );
        let formats = read(MediaKind::Audio, &section(&text));
        assert_eq!(formats.len(), 1);
        formats[0].redundancy.map(|it| (it.payload_type, it.earlier))
    }

    #[test]
    fn the_codec_inside_is_the_one_that_its_line_names() {
        let red = |fmtp: &str| redundancy(&format!("a=rtpmap:63 red/48000/2\r\na=fmtp:63 {fmtp}"));
        assert_eq!(red("111/111"), Some((63, 1)));
        assert_eq!(red("111/111/111"), Some((63, 2)));
        assert_eq!(red(&["111"; 30].join("/")), Some((63, 8)), "no more than a packet holds");
        for other in ["111", "0/111", "111/0", "63/63", "111/", "x"] {
            assert_eq!(red(other), None, "{other}");
        }
        assert_eq!(redundancy("a=rtpmap:63 red/48000/2"), None);
        let pictures = "m=video 9 UDP/TLS/RTP/SAVPF 96 63\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:63 red/90000\r\na=fmtp:63 96/96\r\n";
        assert_eq!(read(MediaKind::Video, &section(pictures))[0].redundancy, None, "of pictures");
        assert_eq!(redundancy("a=rtpmap:63 red/8000\r\na=fmtp:63 111/111"), None, "of another clock");
    }
}

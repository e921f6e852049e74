//! Descriptions of many sections.

use ortica::jsep::SessionDescription;
use std::fmt::Write;

/// A browser's words for one more section, with sources, extensions and a track of its own.
fn section(mid: usize, out: &mut String) {
    let ssrc = 1_000 + 2 * mid;
    let _ = write!(
        out,
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
         a=ice-pwd:0123456789012345678901\r\na=ice-options:trickle\r\n\
         a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\n\
         a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
         a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
         a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
         a=sendrecv\r\na=msid:stream{mid} track{mid}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
         a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n\
         a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID {ssrc} {}\r\n\
         a=ssrc:{ssrc} cname:name\r\na=ssrc:{} cname:name\r\n",
        ["AB"; 32].join(":"),
        ssrc + 1,
        ssrc + 1,
    );
}

/// An offer of so many sections in one group, as a browser would write it.
pub fn offer(sections: usize) -> SessionDescription {
    let mut text = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE".to_owned();
    (0..sections).for_each(|mid| text.push_str(&format!(" {mid}")));
    text.push_str("\r\n");
    (0..sections).for_each(|mid| section(mid, &mut text));
    SessionDescription::offer(text)
}

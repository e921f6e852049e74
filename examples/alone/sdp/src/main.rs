//! Edits an offer: takes a codec out, turns video around, caps its bandwidth, and answers what is left.
//!
//! `cargo run` prints both descriptions and exits with 0 when they say what they should.

use std::error::Error;

use ortica_sdp::{Attribute, Bandwidth, Direction, DtlsRole, Session, Setup};

fn main() -> Result<(), Box<dyn Error>> {
    // What came through signaling. LF alone would do as well as CRLF.
    let mut offer: Session = OFFER.parse()?;

    // Look around. A section is seen together with what it takes over from its session.
    for section in offer.sections() {
        let codecs: Vec<String> = section
            .payloads()
            .iter()
            .filter_map(|payload| payload.rtpmap.as_ref().map(|rtpmap| rtpmap.encoding.clone()))
            .collect();
        println!("{} {:?} {}: {}", section.kind, section.mid(), section.direction(), codecs.join(" "));
    }

    // Change it. H.264 goes with its retransmission and all lines that speak of either.
    let video = offer.media_by_mid_mut("1").ok_or("the offer has no section 1")?;
    video.remove_codec("H264");
    video.set(Direction::RecvOnly);
    video.bandwidths.push(Bandwidth { kind: "AS".into(), value: 500 });
    offer.origin.session_version += 1;

    let text = offer.to_string();
    println!("\nthe offer as edited:\n\n{text}");
    assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\nb=AS:500\r\n"));
    assert!(!text.contains("H264") && !text.contains("apt=102") && !text.contains("rtcp-fb:102"));
    assert!(text.contains("a=recvonly\r\n"));
    assert!(text.contains("a=x-house-rule:be kind\r\n"), "what is not understood is kept");
    assert_eq!(text.parse::<Session>()?, offer);

    // Answer it: same sections, our own transport, a DTLS role chosen, video refused.
    let mut answer = offer.clone();
    answer.origin.session_id = 2;
    for (media, offered) in answer.media.iter_mut().zip(offer.sections()) {
        let direction = offered.direction().reversed();
        media.set(direction);
        media.set(Setup::answer(offered.setup(), None)?);
        media.set(Attribute::IceUfrag("ours".into()));
        media.set(Attribute::IcePwd("0123456789abcdefghijkl".into()));
    }
    answer.media_by_mid_mut("1").ok_or("the answer has no section 1")?.reject();
    answer.set(ortica_sdp::Group::bundle(["0"]));
    answer.check_answer(&offer)?;
    println!("an answer to it:\n\n{answer}");

    let offered = offer.section(0).and_then(|section| section.setup()).ok_or("no setup offered")?;
    let answered = answer.section(0).and_then(|section| section.setup());
    assert_eq!(DtlsRole::of_offerer(offered, answered, None)?, DtlsRole::Server);

    // What is wrong is said with its place.
    let broken = text.replace("VP8/90000", "VP8/fast");
    let error = broken.parse::<Session>().expect_err("no clock is that fast");
    println!("and a broken one: {error}");
    Ok(())
}

const OFFER: &str = "\
v=0
o=- 4019421729790745759 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 0
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:yRRJ
a=ice-pwd:CkOljT7f84AY2lEn+RYLCi0Q
a=ice-options:trickle
a=fingerprint:sha-256 69:18:37:80:56:C1:33:30:2D:DE:66:AA:C9:10:C0:C6:03:8F:3E:EB:54:ED:81:49:25:EB:CD:1C:1D:ED:E5:64
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:0 PCMU/8000
a=x-house-rule:be kind
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:yRRJ
a=ice-pwd:CkOljT7f84AY2lEn+RYLCi0Q
a=ice-options:trickle
a=fingerprint:sha-256 69:18:37:80:56:C1:33:30:2D:DE:66:AA:C9:10:C0:C6:03:8F:3E:EB:54:ED:81:49:25:EB:CD:1C:1D:ED:E5:64
a=setup:actpass
a=mid:1
a=sendrecv
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
";

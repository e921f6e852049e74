//! What is recorded of a session: what happens, packets, secrets; and that the records hold no more than they may.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::crypto::rust_crypto;
use ortica::core::{Instant, Rng};
use ortica::engine::{
    CaptureConfig, Captured, ChannelMessage, ChannelParameters, Config, Layer, LogRecord, Note, PcapNg, Summary,
};
use ortica::jsep::TransceiverId;
use ortica::peer::Peer;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// What is written on the data channel, and what sound is made of.
const WORDS: &str = "the cargo is hidden under the old oak";
const SOUND: &[u8; 32] = b"an oboe plays behind the curtain";

/// A side whose session is configured by `change`, with secrets given out.
fn side(seed: u64, address: SocketAddr, change: impl FnOnce(Config) -> Config) -> Side {
    let provider = rust_crypto::provider();
    let rng = Rng::from_number(seed);
    let wall = Duration::from_secs(1_800_000_000);
    let certificate = ortica_dtls::Certificate::generate(&provider, &mut rng.fork("certificate"), wall).unwrap();
    let dtls = ortica_dtls::Config::new(provider, Arc::new(certificate))
        .with_srtp_profiles(&[ortica_dtls::SrtpProfile::AEAD_AES_128_GCM])
        .with_key_log(true);
    let config = Config::new(ortica_ice::Config::new(provider), dtls, ortica_sctp::Config::new(provider));
    let mut peer = Peer::new(Arc::new(change(config)), rng, netsim::epoch());
    peer.set_sockets(vec![(Pair::<Side>::SOCKET, address)]);
    peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    let mut side = Side::new(seed, address);
    side.peer = peer;
    side
}

/// A call in which sound is sent and words are written, from `a` to `b`.
struct Call {
    pair: Pair<Side>,
    audio: TransceiverId,
}

impl Call {
    fn new(change: impl Fn(Config) -> Config) -> Self {
        let (a, b) = (side(1, Pair::<Side>::A, &change), side(2, Pair::<Side>::B, &change));
        let mut pair = Pair::new(1, Link::with_delay(10 * MS), a, b);
        let now = pair.now();
        pair.a.create_channel(now, ChannelParameters { label: "chat".to_owned(), ..ChannelParameters::default() });
        let audio = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
        Self { pair, audio }
    }

    fn run(&mut self) {
        negotiate(&mut self.pair);
        self.pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
        for number in 0..50 {
            self.pair.a.queue.push_back(ChannelMessage { binary: false, data: WORDS.into() });
            self.pair.with_a(|a, now| {
                let data: Vec<u8> = SOUND.iter().copied().cycle().take(160).collect();
                let sound = EncodedFrame::new(Codec::Pcmu, data, number * 160).with_duration(160);
                a.peer.send_frame(now, self.audio, &sound).unwrap();
            });
            self.pair.run_for(20 * MS);
        }
        self.pair.run_for(SECOND);
        assert_eq!(self.pair.b.received.len(), 50);
    }
}

fn records(side: &mut Side) -> Vec<LogRecord> {
    std::iter::from_fn(|| side.peer.session_mut().poll_log()).collect()
}

fn captured(side: &mut Side) -> Vec<Captured> {
    std::iter::from_fn(|| side.peer.session_mut().poll_captured()).collect()
}

fn lines(records: &[LogRecord]) -> String {
    let line =
        |record: &LogRecord| record.to_json(record.at.saturating_duration_since(Instant::from_nanos(0)), 1) + "\n";
    records.iter().map(line).collect()
}

#[test]
fn the_event_log_tells_what_happened_in_order() {
    let mut call = Call::new(|config| config.with_event_log(100_000));
    call.run();
    call.pair.with_a(|a, now| a.peer.close(now));
    call.pair.run_for(SECOND);
    let records = records(&mut call.pair.a);
    let text = lines(&records);
    let at = |wanted: &str| text.find(wanted).unwrap_or_else(|| panic!("{wanted} is missing in {text}"));
    let order = [
        "\"event\":\"signaling-state\",\"state\":\"have-local-offer\"",
        "\"event\":\"signaling-state\",\"state\":\"stable\"",
        "\"event\":\"local-candidate\",\"candidateType\":\"host\"",
        "\"event\":\"packet-sent\",\"len\":",
        "\"event\":\"selected-pair\",\"local\":\"host\",\"remote\":\"host\",\"roundTripTime\":0.02",
        "\"event\":\"secured\",\"cipher\":\"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\",\"srtpCipher\":\"SRTP_AEAD_AES_128_GCM\"",
        "\"event\":\"channel\",\"channel\":0,\"state\":\"open\"",
        "\"protocol\":\"rtp\",\"ssrc\":",
        "\"event\":\"channel\",\"channel\":0,\"state\":\"closed\"",
        "\"event\":\"closed\",\"reason\":\"closed by this side\"",
    ];
    let places: Vec<usize> = order.iter().map(|wanted| at(wanted)).collect();
    assert!(places.is_sorted(), "{places:?} in {text}");
    assert!(records.is_sorted_by_key(|record| record.at));
    for line in text.lines() {
        assert!(line.starts_with("{\"time\":") && line.ends_with('}'), "{line}");
    }
    // What crossed the wire is there packet by packet, and what was inside besides.
    let wire = |sent: bool| {
        let crossed = |note: &Note| match note {
            Note::Packet { sent: it, summary, len } if *it == sent => match summary {
                Summary::Sctp(_) => None,
                Summary::Rtcp(types) if types.len() > 1 => None,
                _ => Some(*len as u64),
            },
            _ => None,
        };
        records.iter().filter_map(|record| crossed(&record.note)).sum::<u64>()
    };
    let report = call.pair.a.peer.stats(call.pair.now());
    let counters = report.transports().next().unwrap().counters;
    assert!(wire(true) >= counters.bytes_sent && wire(false) >= counters.bytes_received);
    let chunks = |wanted: u8| {
        let has = |record: &&LogRecord| matches!(&record.note, Note::Packet { summary: Summary::Sctp(types), .. } if types.contains(&wanted));
        records.iter().filter(has).count()
    };
    assert!(chunks(0) + chunks(64) >= 50, "DATA or I-DATA");
}

/// Guards the bound on records that nobody takes.
#[test]
fn records_beyond_the_limit_are_counted_and_dropped() {
    let mut call =
        Call::new(|config| config.with_event_log(10).with_capture(CaptureConfig::default().with_limit(2_000)));
    call.run();
    let session = call.pair.a.peer.session_mut();
    let (dropped_records, dropped_packets) = session.observations_dropped();
    assert!(dropped_records > 100 && dropped_packets > 100);
    assert_eq!(records(&mut call.pair.a).len(), 10);
    assert!(captured(&mut call.pair.a).iter().map(|packet| packet.bytes.len()).sum::<usize>() <= 2_000);

    let mut call = Call::new(|config| config);
    call.run();
    assert_eq!((records(&mut call.pair.a).len(), captured(&mut call.pair.a).len()), (0, 0), "off by default");
}

/// Keeps all that is logged, at every level.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

impl tracing::field::Visit for Everything {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write;
        let _ = write!(self.0.lock().unwrap(), " {}={value:?}", field.name());
    }
}

impl tracing::Subscriber for Everything {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
        self.0.lock().unwrap().push('\n');
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// The ways in which bytes may get into a text.
fn forms(bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut base64 = String::new();
    ortica_sdp::base64::encode(bytes, &mut base64);
    let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let mut forms = vec![hex.to_uppercase(), hex, base64.trim_end_matches('=').to_owned(), list.join(", ")];
    forms.extend(std::str::from_utf8(bytes).map(str::to_owned));
    forms
}

/// Guards all logs: neither what people write and say nor any key gets into them, at the finest level; nor addresses into the event
/// log.
#[test]
fn cve_52_logs_hold_neither_payloads_nor_keys() {
    let everything = Everything::default();
    let mut call = Call::new(|config| config.with_event_log(100_000));
    tracing::subscriber::with_default(everything.clone(), || {
        call.run();
        // Junk and forgeries are logged too, each in its way.
        let now = call.pair.now();
        for first in [0u8, 22, 23, 64, 128] {
            let mut packet = vec![first; 60];
            call.pair.b.peer.handle_datagram(
                now,
                ortica::core::Datagram {
                    local: Pair::<Side>::SOCKET,
                    remote: Pair::<Side>::A,
                    ecn: ortica::core::Ecn::NotEct,
                    stride: packet.len(),
                    contents: &mut packet,
                },
            );
        }
        call.pair.with_a(|a, now| a.peer.close(now));
        call.pair.run_for(SECOND);
    });
    let traced = everything.0.lock().unwrap().clone();
    let logged = [&mut call.pair.a, &mut call.pair.b].map(|side| lines(&records(side))).concat();
    assert!(traced.lines().count() > 5 && logged.lines().count() > 500, "there is something to look at");

    // Another call with the same seeds has the same secrets, and is not over yet.
    let mut twin = Call::new(|config| config.with_event_log(0));
    twin.run();
    let mut secrets: Vec<(&str, Vec<u8>)> =
        vec![("what was written", WORDS.into()), ("what was played", SOUND.to_vec())];
    for side in [&mut twin.pair.a, &mut twin.pair.b] {
        let session = side.peer.session_mut();
        let entry = session.poll_key_log().expect("secrets are given out").to_string();
        let hex = entry.rsplit(' ').next().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        secrets.push(("the master secret", (0..hex.len()).step_by(2).map(byte).collect()));
        let id = session.transports().next().unwrap();
        let keys = session.verified(id).unwrap().srtp().unwrap();
        secrets.push(("an SRTP key", keys.local_key.to_vec()));
        secrets.push(("an SRTP salt", keys.local_salt.to_vec()));
        secrets.push(("an ICE password", session.ice(id).unwrap().local_credentials().pwd.as_bytes().to_vec()));
        secrets.push(("the private key", session.certificates()[0].pkcs8().to_vec()));
    }
    for (name, secret) in &secrets {
        for form in forms(secret) {
            assert!(!logged.contains(&form), "{name} is in the event log");
            assert!(!traced.contains(&form), "{name} is in the traces");
        }
    }
    for address in [Pair::<Side>::A, Pair::<Side>::B] {
        assert!(!logged.contains(&address.ip().to_string()), "an address is in the event log");
    }
}

/// Guards what is captured: the wire as it is counted, and what is inside only where that is wanted.
#[test]
fn captures_hold_the_wire_and_on_request_what_is_inside() {
    let mut call = Call::new(|config| config.with_capture(CaptureConfig::default().with_decrypted(true)));
    call.run();
    let contains = |packet: &Captured, bytes: &[u8]| packet.bytes.windows(bytes.len()).any(|window| window == bytes);
    let all = captured(&mut call.pair.b);
    let count = |layer, bytes: &[u8]| all.iter().filter(|it| it.layer == layer && contains(it, bytes)).count();
    assert_eq!((count(Layer::Sctp, WORDS.as_bytes()), count(Layer::Rtp, SOUND)), (50, 50));
    assert_eq!((count(Layer::Udp, WORDS.as_bytes()), count(Layer::Udp, SOUND)), (0, 0));
    assert!(all.iter().any(|packet| packet.layer == Layer::Rtcp));
    let report = call.pair.b.peer.stats(call.pair.now());
    let counters = report.transports().next().unwrap().counters;
    for (sent, bytes) in [(true, counters.bytes_sent), (false, counters.bytes_received)] {
        let wire = all.iter().filter(|packet| packet.layer == Layer::Udp && packet.sent == sent);
        assert_eq!(wire.map(|packet| packet.bytes.len() as u64).sum::<u64>(), bytes);
    }
    assert!(all.iter().all(|packet| (packet.local, packet.remote) == (Pair::<Side>::B, Pair::<Side>::A)));

    let mut call = Call::new(|config| config.with_capture(CaptureConfig::default()));
    call.run();
    let all = captured(&mut call.pair.b);
    assert!(!all.is_empty() && all.iter().all(|packet| packet.layer == Layer::Udp));
}

/// What tshark tells of a file, a line per packet.
fn tshark(file: &std::path::Path, arguments: &[&str]) -> String {
    let output = Command::new("tshark").arg("-r").arg(file).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Guards the form of captures and key logs, by other eyes: tshark finds what was written on a data channel, and sound.
#[test]
fn tshark_decrypts_a_capture_with_its_secrets() {
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("skipped: there is no tshark");
        return;
    }
    let mut call = Call::new(|config| config.with_capture(CaptureConfig::default().with_decrypted(true)));
    call.run();
    let entry = call.pair.b.peer.session_mut().poll_key_log().unwrap();
    let captured = captured(&mut call.pair.b);
    let time = |at: Instant| at.saturating_duration_since(netsim::epoch()) + netsim::unix_epoch();
    let write = |name: &str, secrets: bool, layers: &[Layer]| {
        let mut bytes = Vec::new();
        PcapNg::begin(&mut bytes);
        if secrets {
            PcapNg::secrets(&mut bytes, &entry);
        }
        for packet in captured.iter().filter(|packet| layers.contains(&packet.layer)) {
            PcapNg::packet(&mut bytes, packet, time(packet.at));
        }
        let file = std::env::temp_dir().join(format!("ortica-{}-{name}", std::process::id()));
        std::fs::write(&file, bytes).unwrap();
        file
    };
    let words: String = WORDS.bytes().map(|byte| format!("{byte:02x}")).collect();
    let dtls = ["-d", "udp.port==5001,dtls", "-T", "fields"];
    let fields = |file: &std::path::Path, more: &[&str]| tshark(file, &[&dtls[..], more].concat());
    let shown = ["-e", "frame.protocols", "-e", "sctp.chunk_type", "-e", "data.data", "-e", "_ws.malformed"];

    let wire = write("wire.pcapng", true, &[Layer::Udp]);
    let text = fields(&wire, &shown);
    assert_eq!(text.matches(&words).count(), 50, "{text}");
    // It looks for the index of SRTCP where AEAD profiles do not have it (RFC 7714 §17), and takes the rest for RTCP.
    assert!(text.lines().all(|line| line.contains(":rtcp") || !line.contains("malformed")), "{text}");
    assert!(tshark(&wire, &["-T", "fields", "-e", "frame.protocols"]).contains(":stun"));

    // The same by a key log in a file of its own; without one it stays closed.
    let bare = write("bare.pcapng", false, &[Layer::Udp]);
    assert_eq!(fields(&bare, &shown).matches(&words).count(), 0);
    let keys = std::env::temp_dir().join(format!("ortica-{}-keys.log", std::process::id()));
    std::fs::write(&keys, format!("{entry}\n")).unwrap();
    let option = format!("tls.keylog_file:{}", keys.display());
    let text = fields(&bare, &[&["-o", option.as_str()][..], &shown].concat());
    assert_eq!(text.matches(&words).count(), 50, "{text}");

    let inside = write("inside.pcapng", false, &[Layer::Sctp, Layer::Rtp, Layer::Rtcp]);
    let text = fields(&inside, &[&shown[..], &["-e", "rtp.ssrc", "-e", "rtcp.pt"]].concat());
    assert_eq!(text.matches(&words).count(), 50, "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("exported_pdu:rtp\t")).count(), 50, "{text}");
    assert!(text.contains("exported_pdu:rtcp") && !text.contains("malformed"), "{text}");
    for file in [wire, bare, keys, inside] {
        std::fs::remove_file(file).unwrap();
    }
}

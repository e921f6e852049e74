//! Statistics in virtual time: both sides' figures against each other, against what crossed, and against what the path does.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::streams::{connect, pair};
use common::watch::Watch;
use common::{Side, negotiate};
use netsim::{Link, Pair, What};
use ortica::Direction;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::{Bitrate, Rng};
use ortica::engine::{
    ChannelMessage, ChannelParameters, Decoded, DecodedReport, EncodedReport, Limitation, ReceivedFrame, SoundLevel,
};
use ortica::jsep::{SessionDescription, TransceiverId};
use ortica::peer::{PeerEvent, SourceFigures, SourceReport};
use ortica::stats::{DtlsRole, IceRole, StatsKind, StatsReport};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(25);
const FRAME: Duration = Duration::from_millis(20);
/// What AES-128-GCM adds to an RTP packet, in bytes.
const TAG: u64 = 16;

fn seeds() -> u64 {
    std::env::var("ORTICA_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

fn picture(number: u32, key_frame: bool, len: usize) -> EncodedFrame {
    let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    data.resize(len.max(14), number as u8);
    EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame)
}

fn sound(number: u32) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160).with_duration(160)
}

fn track_of(side: &Side, kind: MediaKind) -> TransceiverId {
    let is_it = |event: &PeerEvent| match event {
        PeerEvent::Track(id) => side.peer.transceiver(*id).filter(|state| state.kind == kind).map(|state| state.id),
        _ => None,
    };
    side.events.iter().find_map(is_it).expect("a track was announced")
}

/// A call with sound and pictures from `a` to `b`, and what carries them on either side.
struct Call {
    pair: Pair<Side>,
    audio: TransceiverId,
    video: TransceiverId,
    number: u32,
}

impl Call {
    fn new(seed: u64, link: Link) -> Self {
        let mut pair = pair(seed, link);
        let audio = pair.a.peer.add_track(MediaKind::Audio, vec!["stream".to_owned()]).unwrap();
        let video = pair.a.peer.add_track(MediaKind::Video, vec!["stream".to_owned()]).unwrap();
        let now = pair.now();
        pair.a.create_channel(now, ChannelParameters { label: "chat".to_owned(), ..ChannelParameters::default() });
        negotiate(&mut pair);
        connect(&mut pair);
        Self { pair, audio, video, number: 0 }
    }

    /// Sends a frame of each each 20 ms, and reads what arrives.
    fn stream(&mut self, count: u32) {
        for _ in 0..count {
            let Self { pair, audio, video, number } = self;
            pair.with_a(|a, now| {
                let wanted = a.peer.encoder_targets(*video).is_some_and(|targets| targets.key_frame);
                let _ = a.peer.send_frame(now, *audio, &sound(*number));
                let _ = a.peer.send_frame(now, *video, &picture(*number, wanted, if wanted { 9_000 } else { 2_500 }));
            });
            *number += 1;
            pair.run_for(FRAME);
            self.read();
        }
    }

    fn read(&mut self) {
        for state in self.pair.b.peer.transceivers() {
            while self.pair.b.peer.read_frame(state.id).is_some() {}
        }
    }

    /// Lets what is on its way arrive, reports included.
    fn settle(&mut self) {
        self.pair.run_for(8 * SECOND);
        self.read();
    }

    fn reports(&self) -> [StatsReport; 2] {
        let now = self.pair.now();
        [self.pair.a.peer.stats(now), self.pair.b.peer.stats(now)]
    }
}

/// Whether a packet is RTP and no RTCP (RFC 5761 §4, RFC 7983 §7).
fn is_rtp(packet: &[u8]) -> bool {
    matches!(packet, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// Guards the counters of streams: bytes of payload and headers are those of the packets that crossed, retransmissions
/// included, and the other side counts what arrived of them.
#[test]
fn api_4_bytes_of_streams_are_those_that_crossed() {
    for loss in [0.0, 0.1] {
        let mut call = Call::new(1, Link::with_delay(DELAY));
        call.pair.links(|link| *link = link.clone().lossy(loss));
        // Packets and bytes of RTP, sent and delivered.
        let crossed: Rc<RefCell<[(u64, u64); 2]>> = Rc::default();
        let seen = crossed.clone();
        call.pair.network.set_tap(move |crossing| {
            let place = match crossing.what {
                What::Sent => 0,
                What::Delivered => 1,
                _ => return,
            };
            if is_rtp(crossing.bytes) {
                let (packets, bytes) = &mut seen.borrow_mut()[place];
                (*packets, *bytes) = (*packets + 1, *bytes + crossing.bytes.len() as u64);
            }
        });
        call.stream(200);
        call.settle();
        let [sent, received] = call.reports();
        let [(sent_packets, sent_bytes), (arrived_packets, arrived_bytes)] = *crossed.borrow();
        let packets: u64 = sent.outbound_rtp().map(|stream| stream.packets_sent).sum();
        let bytes: u64 = sent.outbound_rtp().map(|stream| stream.bytes_sent + stream.header_bytes_sent).sum();
        assert_eq!((packets, bytes + packets * TAG), (sent_packets, sent_bytes), "loss {loss}");
        let packets: u64 = received.inbound_rtp().map(|stream| stream.packets_received).sum();
        let bytes: u64 = received.inbound_rtp().map(|it| it.bytes_received + it.header_bytes_received).sum();
        assert_eq!((packets, bytes + packets * TAG), (arrived_packets, arrived_bytes), "loss {loss}");
        let video = received.inbound_rtp().find(|stream| stream.kind == MediaKind::Video).unwrap();
        assert_eq!(video.retransmitted_packets_received.unwrap_or_default() > 0, loss > 0.0, "{video:?}");
        assert!(video.frames_received > Some(0));
    }
}

/// Guards the counters of transports and pairs: together with ICE they are all that crossed.
#[test]
fn api_4_bytes_of_transports_are_those_that_crossed() {
    let mut call = Call::new(1, Link::with_delay(DELAY));
    let before = call.reports();
    let crossed: Rc<RefCell<[u64; 2]>> = Rc::default();
    let seen = crossed.clone();
    call.pair.network.set_tap(move |crossing| {
        // Checks are no bytes of the transport's (their first byte is less than 4, RFC 7983 §7).
        if crossing.what == What::Sent && crossing.from == Pair::<Side>::A && crossing.bytes[0] > 3 {
            let [packets, bytes] = &mut *seen.borrow_mut();
            (*packets, *bytes) = (*packets + 1, *bytes + crossing.bytes.len() as u64);
        }
    });
    call.pair.a.queue.push_back(ChannelMessage { binary: true, data: vec![7; 50_000].into() });
    call.stream(100);
    call.pair.run_for(SECOND);
    let after = call.reports();
    let transport = |report: &StatsReport| report.transports().next().unwrap().clone();
    let [packets, bytes] = *crossed.borrow();
    assert_eq!(transport(&after[0]).bytes_sent - transport(&before[0]).bytes_sent, bytes);
    assert_eq!(transport(&after[1]).bytes_received - transport(&before[1]).bytes_received, bytes);
    for (at, report) in after.iter().enumerate() {
        let pairs = || report.candidate_pairs();
        let sums = [pairs().map(|pair| pair.bytes_sent).sum(), pairs().map(|pair| pair.bytes_received).sum::<u64>()];
        let transport = transport(report);
        assert_eq!(sums, [transport.bytes_sent, transport.bytes_received], "side {at}");
    }
    let selected = |report: &StatsReport| report.selected_candidate_pair().unwrap().clone();
    assert_eq!(selected(&after[0]).packets_sent - selected(&before[0]).packets_sent, packets);
    assert_eq!(selected(&after[1]).packets_received - selected(&before[1]).packets_received, packets);
    assert!(selected(&after[0]).last_packet_sent_timestamp > selected(&before[0]).last_packet_sent_timestamp);
}

/// Guards what the other side reports: the losses and the round trip of the path, and no round trip before one was measured.
#[test]
fn api_4_reports_of_the_other_side_tell_the_path() {
    let mut call = Call::new(3, Link::with_delay(DELAY));
    let mut unmeasured = 0;
    call.pair.links(|link| *link = link.clone().lossy(0.1));
    for _ in 0..300 {
        call.stream(1);
        for remote in call.reports()[0].remote_inbound_rtp() {
            assert_eq!(remote.round_trip_time.is_some(), remote.round_trip_time_measurements > 0, "{remote:?}");
            unmeasured += u32::from(remote.round_trip_time.is_none());
        }
    }
    assert!(unmeasured > 0, "the first report comes before any round trip can be measured");
    call.settle();
    let [sent, received] = call.reports();
    for remote in sent.remote_inbound_rtp() {
        let rtt = remote.round_trip_time.unwrap();
        assert!(rtt >= 2 * DELAY - MS && rtt <= 2 * DELAY + 5 * MS, "{rtt:?}");
        let mean = remote.total_round_trip_time / remote.round_trip_time_measurements as u32;
        assert!(mean >= 2 * DELAY - MS && mean <= 2 * DELAY + 5 * MS, "{mean:?}");
        let (lost, all) = (f64::from(remote.packets_lost), remote.packets_received as f64);
        assert!((0.05..0.15).contains(&(lost / (lost + all))), "{remote:?}");
        let inbound = received.inbound_rtp().find(|stream| stream.ssrc == remote.ssrc).unwrap();
        assert_eq!(i64::from(remote.packets_lost), inbound.packets_lost);
        let first_time = inbound.packets_received - inbound.retransmitted_packets_received.unwrap_or_default();
        assert_eq!(remote.packets_received, first_time);
        let outbound = sent.outbound_rtp().find(|stream| stream.ssrc == remote.ssrc).unwrap();
        assert_eq!(sent.get(outbound.remote_id.as_deref().unwrap()).unwrap().kind.as_str(), "remote-inbound-rtp");
    }
    assert_eq!(sent.remote_inbound_rtp().count(), 2);
    for remote in received.remote_outbound_rtp() {
        let outbound = sent.outbound_rtp().find(|stream| stream.ssrc == remote.ssrc).unwrap();
        let first_time = outbound.packets_sent - outbound.retransmitted_packets_sent;
        assert_eq!(u64::from(remote.packets_sent), first_time);
    }
    let entry = received.iter().find(|entry| matches!(entry.kind, StatsKind::RemoteOutboundRtp(_))).unwrap();
    let StatsKind::RemoteOutboundRtp(remote) = &entry.kind else { unreachable!() };
    let late = entry.timestamp.0 - remote.remote_timestamp.0;
    assert!(late >= DELAY && late < DELAY + 5 * MS, "a report takes as long as the path: {late:?}");
}

/// Guards what statistics say of coders, which the application runs and reports.
#[test]
fn what_coders_and_tracks_report_is_in_the_statistics() {
    let mut call = Call::new(1, Link::with_delay(DELAY));
    let before = call.reports();
    let told = before[0].outbound_rtp().map(|stream| (stream.frames_encoded, stream.target_bitrate));
    assert_eq!(told.collect::<Vec<_>>(), [(None, None); 2]);
    let (video, b_video) = (call.video, track_of(&call.pair.b, MediaKind::Video));
    let b_audio = track_of(&call.pair.b, MediaKind::Audio);
    let encoded = |limitation| EncodedReport {
        key_frame: true,
        width: 640,
        height: 480,
        time: 7 * MS,
        target: Some(Bitrate::from_bits(500_000)),
        limitation,
        implementation: "test",
    };
    for limitation in [Limitation::None, Limitation::Bandwidth, Limitation::Bandwidth] {
        call.pair.with_a(|a, now| a.peer.report_encoded(now, video, 0, &encoded(limitation)));
        call.stream(50);
    }
    call.settle();
    // What is read is decoded, and took 3 ms; the next stretch of sound is made up.
    let mut frames = 0;
    call.pair.with_a(|a, now| a.peer.send_frame(now, video, &picture(1_000, true, 3_000)).unwrap());
    call.pair.run_for(SECOND);
    while let Some(received) = call.pair.b.peer.read_frame(b_video) {
        let ReceivedFrame::Frame { began, arrived, .. } = received else { continue };
        assert!(began <= arrived);
        let output = Decoded::Picture { key_frame: true, width: 320, height: 240 };
        let report = DecodedReport { output, time: 3 * MS, began: Some(began), implementation: "test" };
        call.pair.b.peer.report_decoded(arrived + 3 * MS, b_video, &report);
        frames += 1;
    }
    assert_eq!(frames, 1);
    let heard = Decoded::Sound { samples: 960, sample_rate: 48_000, level: 0.5, concealed: true };
    let report = DecodedReport { output: heard, time: MS, began: None, implementation: "test" };
    call.pair.b.peer.report_decoded(call.pair.now(), b_audio, &report);

    let sources = [
        SourceReport {
            transceiver: call.video,
            number: 7,
            figures: SourceFigures::Pictures { frames: 12, frames_per_second: 30.0, size: Some((640, 480)) },
        },
        SourceReport { transceiver: call.audio, number: 8, figures: SourceFigures::Sound(SoundLevel::default()) },
    ];
    let now = call.pair.now();
    let (sent, received) = (call.pair.a.peer.stats_with(now, &sources), call.pair.b.peer.stats(now));
    let outbound = sent.outbound_rtp().find(|stream| stream.kind == MediaKind::Video).unwrap();
    assert_eq!((outbound.frames_encoded, outbound.key_frames_encoded), (Some(3), Some(3)));
    assert_eq!((outbound.frame_width, outbound.frame_height), (Some(640), Some(480)));
    assert_eq!((outbound.total_encode_time, outbound.encoder_implementation), (Some(21 * MS), Some("test")));
    assert_eq!(outbound.quality_limitation_reason, Some(Limitation::Bandwidth));
    let durations = outbound.quality_limitation_durations.as_ref().unwrap();
    assert!((durations["none"] - 1.0).abs() < 0.01, "{durations:?}");
    assert!(durations["bandwidth"] > 2.9 && durations["cpu"] == 0.0, "{durations:?}");
    // The first picture is a key frame, more than twice as long as those behind it; nothing is huge before it.
    assert_eq!(outbound.huge_frames_sent, Some(0));
    let source = sent.get(outbound.media_source_id.as_deref().unwrap()).unwrap();
    let StatsKind::MediaSource(source) = &source.kind else { panic!("{source:?}") };
    assert_eq!((source.frames, source.width, source.frames_per_second), (Some(12), Some(640), Some(30.0)));
    assert_eq!(Some(&source.track_identifier), call.pair.b.peer.transceiver(b_video).unwrap().remote_track.as_ref());

    let inbound = received.inbound_rtp().find(|stream| stream.kind == MediaKind::Video).unwrap();
    assert_eq!((inbound.frames_decoded, inbound.frame_width), (Some(1), Some(320)));
    assert_eq!((inbound.total_decode_time, inbound.decoder_implementation), (Some(3 * MS), Some("test")));
    assert!(inbound.total_processing_delay >= Some(3 * MS));
    assert_eq!(inbound.track_identifier, source.track_identifier);
    let inbound = received.inbound_rtp().find(|stream| stream.kind == MediaKind::Audio).unwrap();
    assert_eq!((inbound.concealed_samples, inbound.concealment_events), (Some(960), Some(1)));
    assert!((inbound.total_audio_energy.unwrap() - 0.005).abs() < 1e-9);
    assert_eq!((inbound.frames_decoded, inbound.frames_received), (None, None), "those count pictures");
}

/// Guards what a transport says of its layers.
#[test]
fn a_transport_names_what_was_agreed() {
    let mut pair = pair(1, Link::with_delay(DELAY));
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    let early = pair.a.peer.stats(now);
    let transport = early.transports().next().unwrap();
    assert_eq!((transport.dtls_role, transport.tls_version.as_deref()), (DtlsRole::Unknown, None));
    negotiate(&mut pair);
    connect(&mut pair);
    let [a, b] = [&pair.a, &pair.b].map(|side| side.peer.stats(pair.network.now()));
    let (of_a, of_b) = (a.transports().next().unwrap(), b.transports().next().unwrap());
    assert_eq!((of_a.ice_role, of_b.ice_role), (IceRole::Controlling, IceRole::Controlled));
    assert_eq!((of_a.dtls_role, of_b.dtls_role), (DtlsRole::Server, DtlsRole::Client));
    assert_eq!(of_a.tls_version.as_deref(), Some("FEFD"));
    assert_eq!(of_a.dtls_cipher.as_deref(), Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
    let certificate =
        |report: &StatsReport, id: &Option<String>| match &report.get(id.as_deref().unwrap()).unwrap().kind {
            StatsKind::Certificate(certificate) => certificate.clone(),
            other => panic!("{other:?}"),
        };
    let shown = certificate(&a, &of_a.local_certificate_id);
    assert_eq!(shown, certificate(&b, &of_b.remote_certificate_id));
    let sdp = pair.a.peer.local_description().unwrap().sdp;
    assert!(sdp.contains(&format!("a=fingerprint:{} {}", shown.fingerprint_algorithm, shown.fingerprint)), "{sdp}");
    assert_ne!(of_a.local_certificate_id, of_a.remote_certificate_id);
}

/// What an application may do to a call at any time.
fn act(rng: &mut Rng, call: &mut Call) {
    let direction = [Direction::SendRecv, Direction::SendOnly, Direction::Inactive][rng.u64() as usize % 3];
    let id = if rng.u64().is_multiple_of(2) { call.audio } else { call.video };
    match rng.u64() % 6 {
        0 | 1 => call.pair.a.peer.set_direction(id, direction).unwrap(),
        2 => call.pair.a.peer.restart_ice(),
        3 => drop(call.pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap()),
        4 => {
            let now = call.pair.now();
            call.pair.b.create_channel(now, ChannelParameters::default());
        }
        _ => {
            let now = call.pair.now();
            if let Some(channel) = call.pair.a.channels.pop() {
                call.pair.a.peer.session_mut().close_channel(now, channel);
            }
        }
    }
    negotiate(&mut call.pair);
}

/// Guards names, references, times and counters, whatever happens to a call: nothing is named twice, nothing names what is not
/// there, and what is there goes forward.
#[test]
fn api_1_whatever_happens_names_stay_and_counters_grow() {
    for seed in 0..seeds() {
        let mut call = Call::new(seed, Link::with_delay(DELAY));
        let mut rng = Rng::from_number(seed).fork("acts");
        let mut watches = [Watch::default(), Watch::default()];
        call.pair.links(|link| *link = link.clone().lossy(0.05).reorder(0.05, 10 * MS).duplicate(0.02));
        for step in 0..100 {
            call.stream(3);
            if rng.u64().is_multiple_of(8) {
                act(&mut rng, &mut call);
            }
            for (watch, report) in watches.iter_mut().zip(call.reports()) {
                watch.look(report, &format!("seed {seed}, step {step}"));
            }
        }
        let now = call.pair.now();
        call.pair.with_a(|a, _| a.peer.close(now));
        for step in 0..10 {
            call.pair.run_for(100 * MS);
            for (watch, report) in watches.iter_mut().zip(call.reports()) {
                watch.look(report, &format!("seed {seed}, closing {step}"));
            }
        }
        let last = watches[0].last();
        assert_eq!(last.transports().next().map(|transport| transport.ice_state), Some(ortica_ice::State::Closed));
    }
}

/// Guards what is left of a connection after its end: transports with what they counted, channels, and no streams, which go at once
/// with the transceivers that a close stops (webrtc-stats, "the RTP statistics hierarchy").
#[test]
fn api_3_transports_have_statistics_after_the_end() {
    let mut call = Call::new(1, Link::with_delay(DELAY));
    call.stream(50);
    let [before, _] = call.reports();
    let of_streams = |report: &StatsReport| {
        let codecs = report.codecs().count();
        (report.inbound_rtp().count(), report.outbound_rtp().count(), codecs)
    };
    assert_ne!(of_streams(&before), (0, 0, 0));
    call.pair.with_a(|a, now| a.peer.close(now));
    let [closing, _] = call.reports();
    assert_eq!((of_streams(&closing), closing.transports().count()), ((0, 0, 0), 1));
    call.pair.run_for(10 * SECOND);
    assert!(call.pair.a.peer.close_reason().is_some());
    let [after, _] = call.reports();
    let (earlier, later) = (before.transports().next().unwrap(), after.transports().next().unwrap());
    assert!(later.bytes_sent > earlier.bytes_sent, "goodbyes count");
    assert_eq!(later.dtls_state, ortica::engine::DtlsState::Closed);
    assert_eq!(later.dtls_cipher, earlier.dtls_cipher);
    assert_eq!(after.selected_candidate_pair().map(|pair| pair.packets_sent > 0), Some(true));
    assert_eq!((after.certificates().count(), after.data_channels().count()), (2, 1));
    assert_eq!(of_streams(&after), (0, 0, 0));
    let counts = after.peer_connections().next().unwrap();
    assert_eq!((counts.data_channels_opened, counts.data_channels_closed), (1, 1));
    assert_eq!(call.pair.a.peer.session().transports().count(), 0, "keys are gone");
}

/// Guards the words and units of the W3C.
#[test]
fn a_report_is_serialised_as_browsers_have_it() {
    let mut call = Call::new(1, Link::with_delay(DELAY));
    call.stream(100);
    let [sent, _] = call.reports();
    let json = serde_json::to_value(&sent).unwrap();
    let find = |kind: &str| json.as_object().unwrap().values().find(|entry| entry["type"] == kind).unwrap().clone();
    for (id, entry) in json.as_object().unwrap() {
        assert_eq!(entry["id"], id.as_str());
        assert!(sent.get(id).is_some_and(|it| entry["type"] == it.kind.as_str()), "{entry}");
        // Milliseconds since 1970, in 2027.
        assert!((1.8e12..1.8e12 + 60_000.0).contains(&entry["timestamp"].as_f64().unwrap()), "{entry}");
    }
    let pair = find("candidate-pair");
    assert!((pair["currentRoundTripTime"].as_f64().unwrap() - 0.05).abs() < 0.001, "seconds: {pair}");
    assert_eq!((pair["state"].as_str(), pair["nominated"].as_bool()), (Some("succeeded"), Some(true)));
    let transport = find("transport");
    assert_eq!(transport["selectedCandidatePairId"], pair["id"]);
    assert_eq!(
        (transport["iceRole"].as_str(), transport["dtlsState"].as_str()),
        (Some("controlling"), Some("connected"))
    );
    let candidate = find("local-candidate");
    assert_eq!((candidate["candidateType"].as_str(), candidate["protocol"].as_str()), (Some("host"), Some("udp")));
    assert_eq!(find("codec")["clockRate"], 8_000);
    assert_eq!(find("outbound-rtp")["ssrc"].as_u64().map(|ssrc| ssrc > 0), Some(true));
    assert!(json.as_object().unwrap().values().all(|entry| entry["type"] != "sctp-transport"));
}

/// Guards the counters of a transport whose offer is taken back: it has the same name in the next one.
#[test]
fn api_1_a_transport_counts_on_after_a_rollback() {
    let server = "203.0.113.9:3478".parse().unwrap();
    let ice = ortica_ice::Config::new(ortica::core::crypto::rust_crypto::provider()).with_stun_servers(vec![server]);
    let a = Side::with(1, ice, vec![(Pair::<Side>::SOCKET, Pair::<Side>::A)]);
    let mut pair = Pair::new(1, Link::with_delay(DELAY), a, Side::new(2, Pair::<Side>::B));
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    let mut watch = Watch::default();
    for round in 0..3 {
        let now = pair.now();
        let offer = pair.a.peer.create_offer(now).unwrap();
        pair.a.peer.set_local_description(now, offer).unwrap();
        // The server is asked more often with each round, unless counting begins anew.
        pair.run_for(if round == 0 { 3 * SECOND } else { 100 * MS });
        watch.look(pair.a.peer.stats(pair.now()), &format!("round {round}"));
        assert!(watch.last().transports().next().unwrap().packets_sent > 0, "the server is asked");
        let now = pair.now();
        pair.a.peer.set_local_description(now, SessionDescription::rollback()).unwrap();
    }
}

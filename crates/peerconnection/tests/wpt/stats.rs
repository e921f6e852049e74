//! Statistics: which objects there are when, and what they hold.

use super::{Pc, common::Side, now};
use netsim::{Link, Pair};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::{ChannelId, ChannelMessage, ChannelParameters, DtlsState};
use ortica::jsep::{SessionDescription, TransceiverId};
use ortica::stats::{IceRole, InboundRtpReport, OutboundRtpReport, StatsKind, StatsReport};
use ortica::{ConnectionState, Direction};
use ortica_ice::{CandidateKind, PairState, State};
use std::collections::BTreeSet;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The W3C's words for the objects of a report, each once.
fn kinds(report: &StatsReport) -> BTreeSet<&'static str> {
    report.iter().map(|entry| entry.kind.as_str()).collect()
}

fn assert_references(report: &StatsReport) {
    for entry in report.iter() {
        for named in entry.references() {
            assert!(report.get(named).is_some(), "{} names {named}", entry.id);
        }
    }
}

/// Two peers with a path between them.
struct Call {
    pair: Pair<Side>,
    number: u32,
}

impl Call {
    fn new() -> Self {
        let side = |seed, address| {
            let mut side = Side::new(seed, address);
            side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
            side
        };
        let (a, b) = (side(3, Pair::<Side>::A), side(4, Pair::<Side>::B));
        Self { pair: Pair::new(1, Link::with_delay(20 * MS), a, b), number: 0 }
    }

    /// With sound and pictures from the one side to the other, connected.
    fn with_media() -> (Self, TransceiverId, TransceiverId) {
        let mut call = Self::new();
        let audio = call.pair.a.peer.add_track(MediaKind::Audio, vec!["stream".to_owned()]).unwrap();
        let video = call.pair.a.peer.add_track(MediaKind::Video, vec!["stream".to_owned()]).unwrap();
        super::common::negotiate(&mut call.pair);
        call.connect();
        (call, audio, video)
    }

    fn connect(&mut self) {
        let is_up = |side: &mut Side| side.peer.connection_state() == ConnectionState::Connected;
        self.pair.run_until(10 * SECOND, |a, b| is_up(a) && is_up(b)).expect("connects");
    }

    /// Sends a frame each 20 ms.
    fn stream(&mut self, audio: TransceiverId, video: TransceiverId, count: u32) {
        for _ in 0..count {
            let number = self.number;
            self.pair.with_a(|a, now| {
                let sound = EncodedFrame::new(Codec::Pcmu, vec![1; 160], i64::from(number) * 160).with_duration(160);
                let key_frame = a.peer.encoder_targets(video).is_some_and(|targets| targets.key_frame);
                let data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 1, 2];
                let picture = EncodedFrame::new(Codec::Vp8, data, i64::from(number) * 1_800).with_key_frame(key_frame);
                let _ = a.peer.send_frame(now, audio, &sound);
                let _ = a.peer.send_frame(now, video, &picture);
            });
            self.number += 1;
            self.pair.run_for(20 * MS);
        }
    }

    fn reports(&self) -> [StatsReport; 2] {
        [&self.pair.a, &self.pair.b].map(|side| side.peer.stats(self.pair.now()))
    }

    fn send(&mut self, channel: ChannelId, binary: bool, data: &'static [u8]) {
        self.pair.with_a(|a, now| {
            a.peer.session_mut().send(now, channel, ChannelMessage { binary, data: data.into() }).unwrap();
        });
        self.pair.run_for(SECOND);
    }
}

fn outbound(report: &StatsReport, kind: MediaKind) -> &OutboundRtpReport {
    report.outbound_rtp().find(|stream| stream.kind == kind).unwrap()
}

fn inbound(report: &StatsReport, kind: MediaKind) -> &InboundRtpReport {
    report.inbound_rtp().find(|stream| stream.kind == kind).unwrap()
}

#[test]
fn wpt_get_stats_no_argument() {
    let pc = Pc::new();
    let report = pc.side.peer.stats(now());
    assert_eq!(kinds(&report), BTreeSet::from(["peer-connection"]));
}

#[test]
fn wpt_get_stats_connected_has_outbound() {
    for streams in [&["stream"][..], &[]] {
        let mut call = Call::new();
        let streams = streams.iter().map(|&stream| stream.to_owned()).collect();
        call.pair.a.peer.add_track(MediaKind::Audio, streams).unwrap();
        super::common::negotiate(&mut call.pair);
        call.connect();
        let [report, _] = call.reports();
        assert!(kinds(&report).is_superset(&BTreeSet::from(["peer-connection", "outbound-rtp"])), "{report:?}");
    }
}

#[test]
fn wpt_get_stats_references_valid() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 200);
    for report in call.reports() {
        assert_references(&report);
        for entry in report.iter() {
            let StatsKind::InboundRtp(stream) = &entry.kind else { continue };
            let named = |id: &str| report.get(id).unwrap().kind.as_str();
            assert_eq!(named(&stream.transport_id), "transport");
            assert_eq!(named(stream.codec_id.as_ref().unwrap()), "codec");
            assert_eq!(named(stream.remote_id.as_ref().unwrap()), "remote-outbound-rtp");
        }
    }
}

#[test]
fn wpt_get_stats_timestamp_advances() {
    let mut call = Call::new();
    let [before, _] = call.reports();
    call.pair.run_for(500 * MS);
    let [after, _] = call.reports();
    let time = |report: &StatsReport| report.iter().next().unwrap().timestamp.0;
    let passed = time(&after) - time(&before);
    assert!(passed.abs_diff(500 * MS) < Duration::from_micros(1), "{passed:?}");
}

#[test]
fn wpt_mandatory_get_stats_streams() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 400);
    let [sent, received] = call.reports();
    assert_eq!(sent.remote_inbound_rtp().count(), 2);
    for remote in sent.remote_inbound_rtp() {
        assert!(remote.round_trip_time.is_some() && remote.packets_received > 0, "{remote:?}");
    }
    assert_eq!(received.remote_outbound_rtp().count(), 2);
    for stream in sent.outbound_rtp() {
        assert!(stream.remote_id.is_some() && stream.codec_id.is_some() && stream.bytes_sent > 0, "{stream:?}");
        assert_eq!(stream.frames_sent.is_some(), stream.kind == MediaKind::Video);
    }
    for stream in received.inbound_rtp() {
        assert!(stream.remote_id.is_some() && stream.codec_id.is_some() && stream.bytes_received > 0, "{stream:?}");
        assert_eq!(stream.frames_received.is_some(), stream.kind == MediaKind::Video);
    }
    let codec = received.codec(inbound(&received, MediaKind::Audio).codec_id.as_deref()).unwrap();
    assert_eq!((codec.mime_type, codec.clock_rate, codec.channels), ("audio/PCMU", 8_000, Some(1)));
}

#[test]
fn wpt_mandatory_get_stats_transport() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 10);
    for report in call.reports() {
        let transport = report.transports().next().unwrap();
        assert!(transport.bytes_sent > 0 && transport.bytes_received > 0);
        assert!(transport.local_certificate_id.is_some() && transport.remote_certificate_id.is_some());
        let pair = report.selected_candidate_pair().unwrap();
        assert_eq!((pair.state, pair.nominated), (PairState::Succeeded, true));
        assert!(pair.responses_received > 0 && pair.current_round_trip_time.is_some() && pair.bytes_sent > 0);
        for candidate in report.local_candidates().chain(report.remote_candidates()) {
            assert!(candidate.address.0.is_some() && candidate.port > 0, "{candidate:?}");
            assert_eq!((candidate.protocol.as_str(), candidate.candidate_type), ("udp", CandidateKind::Host));
        }
    }
}

#[test]
fn wpt_transport_stats_after_sld() {
    let mut pc = Pc::new();
    pc.create_channel();
    let offer = pc.sld_implicit();
    let report = pc.side.peer.stats(now());
    let transport = report.transports().next().unwrap();
    assert_eq!((transport.dtls_state, transport.dtls_role.as_str()), (DtlsState::New, "unknown"));
    assert_eq!((transport.ice_role, transport.ice_state), (IceRole::Controlling, State::New));
    assert!(offer.sdp.contains(&format!("a=ice-ufrag:{}\r\n", transport.ice_local_username_fragment)));
    assert_eq!(transport.selected_candidate_pair_changes, 0);
}

#[test]
fn wpt_encoding_index() {
    let (call, ..) = Call::with_media();
    let [report, _] = call.reports();
    assert_eq!(outbound(&report, MediaKind::Video).encoding_index, Some(0));
    assert_eq!(outbound(&report, MediaKind::Audio).encoding_index, None);
}

#[test]
fn wpt_timestamp_remote_inbound_within_poll() {
    let (mut call, audio, video) = Call::with_media();
    let (mut before, mut after) = (call.pair.now(), call.pair.now());
    let report = loop {
        call.stream(audio, video, 1);
        after = call.pair.now().max(after);
        let [report, _] = call.reports();
        if report.remote_inbound_rtp().next().is_some() {
            break report;
        }
        before = call.pair.now();
    };
    let wall = |at| call.pair.a.peer.session().wall_time(at);
    let is_it = |kind: &StatsKind| matches!(kind, StatsKind::RemoteInboundRtp(_));
    let entry = report.iter().find(|entry| is_it(&entry.kind)).unwrap();
    assert!((wall(before)..=wall(after)).contains(&entry.timestamp.0), "{entry:?}");
}

#[test]
fn wpt_rtp_stats_lifetime_outbound() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(MediaKind::Audio, Direction::SendRecv);
    let streams = |pc: &Pc| pc.side.peer.stats(now()).outbound_rtp().count();
    assert_eq!(streams(&a), 0);
    let offer = a.sld_implicit();
    assert_eq!(streams(&a), 0, "not in a local offer");
    b.srd(offer).unwrap();
    assert_eq!(streams(&b), 0, "not in a remote offer");
    let id = b.transceivers()[0].id;
    b.peer().set_direction(id, Direction::SendRecv).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!((streams(&a), streams(&b)), (1, 1), "from stable on, without a track and without packets");
}

#[test]
fn wpt_rtp_stats_lifetime_inbound_from_first_packet() {
    let (mut call, audio, video) = Call::with_media();
    call.pair.run_for(SECOND);
    assert_eq!(call.reports()[1].inbound_rtp().count(), 0);
    call.stream(audio, video, 10);
    let [_, report] = call.reports();
    assert_eq!(report.inbound_rtp().count(), 2);
    assert!(report.inbound_rtp().all(|stream| stream.packets_received > 0));
}

#[test]
fn wpt_receiver_get_stats_none_after_stop() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 20);
    assert_eq!(call.reports()[1].inbound_rtp().count(), 2);
    for state in call.pair.b.peer.transceivers() {
        call.pair.b.peer.stop_transceiver(state.id).unwrap();
    }
    assert_eq!(call.reports()[1].inbound_rtp().count(), 0);
}

#[test]
fn wpt_receiver_get_stats_none_after_close() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 20);
    call.pair.with_b(|b, now| b.peer.close(now));
    assert_eq!(call.reports()[1].inbound_rtp().count(), 0);
    call.pair.run_for(SECOND);
    let [_, report] = call.reports();
    assert_eq!((report.inbound_rtp().count(), report.transports().count()), (0, 1));
}

#[test]
fn wpt_data_channel_stats() {
    let mut call = Call::new();
    let at = call.pair.now();
    let parameters = ChannelParameters { label: "chat".into(), protocol: "words".into(), ..Default::default() };
    let channel = call.pair.a.create_channel(at, parameters);
    super::common::negotiate(&mut call.pair);
    call.pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    let channels = |call: &Call| call.reports().map(|report| report.data_channels().next().unwrap().clone());
    let stream = call.pair.a.peer.session().channel_stream(channel);
    for report in channels(&call) {
        assert_eq!((report.label.as_str(), report.protocol.as_str()), ("chat", "words"));
        assert_eq!((report.data_channel_identifier, report.state.to_string().as_str()), (stream, "open"));
        assert_eq!([report.messages_sent, report.bytes_sent, report.messages_received, report.bytes_received], [0; 4]);
    }
    // The counters are those of bytes, not of characters; an empty message is one too.
    for (count, bytes, (binary, data)) in
        [(1, 3, (false, "ä!".as_bytes())), (2, 3, (false, b"")), (3, 8, (true, &[1, 2, 3, 4, 5]))]
    {
        call.send(channel, binary, data);
        let [of_a, of_b] = channels(&call);
        assert_eq!([of_a.messages_sent, of_a.bytes_sent], [count, bytes]);
        assert_eq!([of_b.messages_received, of_b.bytes_received], [count, bytes]);
    }
    assert!(call.reports().iter().all(|report| report.data_channels().count() == 1));
}

#[test]
fn wpt_stats_creation_by_stage() {
    let mut pc = Pc::new();
    pc.create_channel();
    let report = pc.side.peer.stats(now());
    assert_eq!(kinds(&report), BTreeSet::from(["data-channel", "peer-connection"]));
    assert_eq!(report.data_channels().next().unwrap().data_channel_identifier, None);

    let (mut a, mut b) = Pc::two();
    a.add_track(MediaKind::Audio, &["stream"]);
    let none = |pc: &Pc| {
        let kinds = kinds(&pc.side.peer.stats(now()));
        kinds.is_disjoint(&BTreeSet::from(["outbound-rtp", "inbound-rtp", "codec", "remote-inbound-rtp"]))
    };
    assert!(none(&a));
    let offer = a.sld_implicit();
    assert!(none(&a), "after a local offer");
    b.srd(offer).unwrap();
    assert!(none(&b), "after a remote offer");
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    let report = a.side.peer.stats(now());
    let words = ["inbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp"];
    assert!(kinds(&report).contains("outbound-rtp") && kinds(&report).is_disjoint(&BTreeSet::from(words)));
    assert_references(&report);
}

#[test]
fn wpt_outbound_rtp_active_follows_encoding() {
    let (mut call, audio, _) = Call::with_media();
    assert!(outbound(&call.reports()[0], MediaKind::Audio).active);
    call.pair.a.peer.set_direction(audio, Direction::Inactive).unwrap();
    super::common::negotiate(&mut call.pair);
    assert!(!outbound(&call.reports()[0], MediaKind::Audio).active, "it stays, and is not active");
}

/// What is left of an answer without its candidates.
fn without_candidates(answer: &SessionDescription) -> SessionDescription {
    let is_candidate = |line: &str| line.starts_with("a=candidate") || line.starts_with("a=end-of-candidates");
    let lines = answer.sdp.split_inclusive('\n').filter(|line| !is_candidate(line));
    SessionDescription::answer(lines.collect::<String>())
}

#[test]
fn wpt_remote_candidate_hidden_until_signalled() {
    let mut call = Call::new();
    let at = call.pair.now();
    call.pair.a.create_channel(at, ChannelParameters::default());
    let offer = call.pair.a.peer.create_offer(at).unwrap();
    call.pair.a.peer.set_local_description(at, offer).unwrap();
    let offer = call.pair.a.peer.local_description().unwrap();
    call.pair.b.peer.set_remote_description(at, offer).unwrap();
    let answer = call.pair.b.peer.create_answer(at).unwrap();
    call.pair.b.peer.set_local_description(at, answer).unwrap();
    let answer = call.pair.b.peer.local_description().unwrap();
    call.pair.a.peer.set_remote_description(at, without_candidates(&answer)).unwrap();
    call.connect();
    let remote = |call: &Call| call.reports()[0].remote_candidates().next().unwrap().clone();
    let hidden = remote(&call);
    assert_eq!(hidden.candidate_type, CandidateKind::PeerReflexive);
    assert_eq!((hidden.address.0, hidden.username_fragment), (None, None));
    #[cfg(feature = "serde")]
    assert!(serde_json::to_value(remote(&call)).unwrap()["address"].is_null());

    let line = answer.sdp.lines().find(|line| line.starts_with("a=candidate")).unwrap();
    let candidate = ortica::jsep::IceCandidate {
        candidate: line[2..].to_owned(),
        sdp_mline_index: Some(0),
        ..ortica::jsep::IceCandidate::default()
    };
    let at = call.pair.now();
    call.pair.a.peer.add_ice_candidate(at, &candidate).unwrap();
    let shown = remote(&call);
    assert_eq!(shown.address.0.as_deref(), Some("198.51.100.2"));
}

//! Statistics: which objects there are when, and what they hold.

use super::{Pc, common::Side, now};
use netsim::{Link, Pair};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::{ChannelId, ChannelMessage, ChannelParameters, ChannelState, DtlsState, SoundLevel};
use ortica::jsep::{IceCandidate, SessionDescription, TransceiverId};
use ortica::peer::{SourceFigures, SourceReport};
use ortica::stats::{
    CandidateReport, DataChannelReport, IceRole, OutboundRtpReport, StatsKind, StatsReport, TransportReport,
};
use ortica::{ConnectionState, Direction};
use ortica_ice::{CandidateKind, State};
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
pub struct Call {
    pub pair: Pair<Side>,
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
    pub fn with_media() -> (Self, TransceiverId, TransceiverId) {
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
    pub fn stream(&mut self, audio: TransceiverId, video: TransceiverId, count: u32) {
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

#[test]
fn wpt_rtc_peer_connection_get_stats_no_argument() {
    let report = Pc::new().side.peer.stats(now());
    assert_eq!(kinds(&report), BTreeSet::from(["peer-connection"]));
}

#[test]
fn wpt_rtc_peer_connection_get_stats_connected_has_outbound() {
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
fn wpt_rtc_peer_connection_get_stats_references_valid() {
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
fn wpt_rtc_peer_connection_get_stats_timestamp_advances() {
    let mut call = Call::new();
    let [before, _] = call.reports();
    call.pair.run_for(500 * MS);
    let [after, _] = call.reports();
    let time = |report: &StatsReport| report.iter().next().unwrap().timestamp.0;
    let passed = time(&after) - time(&before);
    assert!(passed.abs_diff(500 * MS) < Duration::from_micros(1), "{passed:?}");
}

#[test]
fn wpt_rtc_peer_connection_get_stats_timestamp_local_stats_within_call() {
    let mut call = Call::new();
    call.pair.run_for(SECOND);
    let [report, _] = call.reports();
    let wall = call.pair.a.peer.session().wall_time(call.pair.now());
    assert!(report.iter().all(|entry| entry.timestamp.0 == wall), "time does not pass during a call");
}

#[test]
fn wpt_rtc_peer_connection_get_stats_timestamp_remote_inbound_within_poll() {
    let (mut call, audio, video) = Call::with_media();
    let mut before = call.pair.now();
    let report = loop {
        call.stream(audio, video, 1);
        let [report, _] = call.reports();
        if report.remote_inbound_rtp().next().is_some() {
            break report;
        }
        before = call.pair.now();
    };
    let wall = |at| call.pair.a.peer.session().wall_time(at);
    let entry = report.iter().find(|entry| matches!(entry.kind, StatsKind::RemoteInboundRtp(_))).unwrap();
    assert!((wall(before)..=wall(call.pair.now())).contains(&entry.timestamp.0), "{entry:?}");
}

#[test]
fn wpt_rtc_peer_connection_certificate_stats_certificates_match() {
    let (call, ..) = Call::with_media();
    let reports = call.reports();
    let shown = [&call.pair.a, &call.pair.b].map(|side| side.peer.session().certificates()[0].der().to_vec());
    for (at, report) in reports.iter().enumerate() {
        let transport = report.transports().next().unwrap();
        let ids = [transport.local_certificate_id.as_ref(), transport.remote_certificate_id.as_ref()];
        for (id, der) in ids.into_iter().zip([&shown[at], &shown[1 - at]]) {
            let StatsKind::Certificate(certificate) = &report.get(id.unwrap()).unwrap().kind else { panic!("{id:?}") };
            let mut base64 = String::new();
            ortica_sdp::base64::encode(der, &mut base64);
            assert_eq!(certificate.base64_certificate, base64);
            let fingerprint = call.pair.a.peer.session().fingerprint_of(der).to_string();
            let (algorithm, value) = (&certificate.fingerprint_algorithm, &certificate.fingerprint);
            assert_eq!(fingerprint, format!("{algorithm} {value}"));
        }
    }
}

fn transport_after_sld() -> (TransportReport, SessionDescription) {
    let mut pc = Pc::new();
    pc.create_channel();
    let offer = pc.sld_implicit();
    (pc.side.peer.stats(now()).transports().next().unwrap().clone(), offer)
}

#[test]
fn wpt_rtc_peer_connection_transport_stats_dtls_after_sld() {
    let (transport, _) = transport_after_sld();
    assert_eq!((transport.dtls_state, transport.dtls_role.as_str()), (DtlsState::New, "unknown"));
}

#[test]
fn wpt_rtc_peer_connection_transport_stats_ice_after_sld() {
    let (transport, offer) = transport_after_sld();
    assert_eq!((transport.ice_role, transport.ice_state), (IceRole::Controlling, State::New));
    assert!(offer.sdp.contains(&format!("a=ice-ufrag:{}\r\n", transport.ice_local_username_fragment)));
    assert_eq!(transport.selected_candidate_pair_changes, 0);
}

/// What belongs to the streams that a side sends, or receives.
fn streams_of(report: &StatsReport, kind: &str) -> StatsReport {
    report.select(|entry| entry.kind.as_str() == kind)
}

#[test]
fn wpt_rtc_rtp_sender_get_stats_has_outbound() {
    for with_track in [true, false] {
        let (mut a, mut b) = Pc::two();
        match with_track {
            true => drop(a.add_track(MediaKind::Audio, &[])),
            false => drop(a.add_transceiver(MediaKind::Audio, Direction::SendRecv)),
        }
        super::negotiate(&mut a, &mut b);
        let report = streams_of(&a.side.peer.stats(now()), "outbound-rtp");
        assert_eq!(report.outbound_rtp().count(), 1);
        assert_references(&report);
    }
}

const PATH: [&str; 3] = ["candidate-pair", "local-candidate", "remote-candidate"];

#[test]
fn wpt_rtc_rtp_sender_get_stats_has_candidates() {
    let (call, ..) = Call::with_media();
    let report = streams_of(&call.reports()[0], "outbound-rtp");
    assert!(kinds(&report).is_superset(&BTreeSet::from(PATH)), "{report:?}");
}

#[test]
fn wpt_rtc_rtp_receiver_get_stats_has_inbound() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 10);
    assert_eq!(streams_of(&call.reports()[1], "inbound-rtp").inbound_rtp().count(), 2);
}

#[test]
fn wpt_rtc_rtp_receiver_get_stats_has_candidates() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 10);
    let report = streams_of(&call.reports()[1], "inbound-rtp");
    assert!(kinds(&report).is_superset(&BTreeSet::from(PATH)), "{report:?}");
    assert_eq!(report.peer_connections().count(), 0, "nothing names it");
}

#[test]
fn wpt_rtc_rtp_receiver_get_stats_none_after_stop() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 20);
    assert_eq!(call.reports()[1].inbound_rtp().count(), 2);
    for state in call.pair.b.peer.transceivers() {
        call.pair.b.peer.stop_transceiver(state.id).unwrap();
    }
    assert_eq!(call.reports()[1].inbound_rtp().count(), 0);
}

#[test]
fn wpt_rtc_rtp_receiver_get_stats_none_after_close() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 20);
    call.pair.with_b(|b, now| b.peer.close(now));
    assert_eq!(call.reports()[1].inbound_rtp().count(), 0);
    call.pair.run_for(SECOND);
    let [_, report] = call.reports();
    assert_eq!((report.inbound_rtp().count(), report.transports().count()), (0, 1));
}

#[test]
fn wpt_outbound_rtp_encoding_index_single_is_zero() {
    let (call, ..) = Call::with_media();
    assert_eq!(outbound(&call.reports()[0], MediaKind::Video).encoding_index, Some(0));
}

#[test]
fn wpt_outbound_rtp_encoding_index_absent_for_audio() {
    let (call, ..) = Call::with_media();
    assert_eq!(outbound(&call.reports()[0], MediaKind::Audio).encoding_index, None);
}

fn sent_by(pc: &Pc) -> usize {
    pc.side.peer.stats(now()).outbound_rtp().count()
}

#[test]
fn wpt_rtp_stats_lifetime_outbound_not_in_local_offer() {
    let mut a = Pc::new();
    a.add_transceiver(MediaKind::Audio, Direction::SendRecv);
    assert_eq!(sent_by(&a), 0);
    a.sld_implicit();
    assert_eq!(sent_by(&a), 0);
}

#[test]
fn wpt_rtp_stats_lifetime_outbound_from_stable() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(MediaKind::Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(sent_by(&b), 0, "not while an offer is pending");
    let id = b.transceivers()[0].id;
    b.peer().set_direction(id, Direction::SendRecv).unwrap();
    let answer = b.sld_implicit();
    assert_eq!(sent_by(&b), 1);
    a.srd(answer).unwrap();
    assert_eq!(sent_by(&a), 1, "without a packet");
}

#[test]
fn wpt_rtp_stats_lifetime_outbound_with_null_track() {
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let (mut a, mut b) = Pc::two();
        a.add_transceiver(kind, Direction::SendRecv);
        super::negotiate(&mut a, &mut b);
        let report = a.side.peer.stats(now());
        assert_eq!(outbound(&report, kind).media_source_id, None);
        assert_eq!(streams_of(&report, "outbound-rtp").outbound_rtp().count(), 1);
    }
}

#[test]
fn wpt_rtp_stats_lifetime_inbound_from_first_packet() {
    let (mut call, audio, video) = Call::with_media();
    call.pair.run_for(SECOND);
    assert_eq!(call.reports()[1].inbound_rtp().count(), 0);
    call.stream(audio, video, 10);
    let [_, report] = call.reports();
    assert!(report.inbound_rtp().all(|stream| stream.packets_received > 0));
    assert_eq!(report.inbound_rtp().count(), 2);
}

/// A call whose first side has offered to receive sound too, and whose other side sends it: with the answer, which is on its way.
fn with_early_media(rolls_back: bool) -> (Call, TransceiverId, SessionDescription) {
    let (mut call, ..) = Call::with_media();
    let at = call.pair.now();
    let id = call.pair.a.peer.add_transceiver(MediaKind::Audio, Default::default()).unwrap();
    let offer = call.pair.a.peer.create_offer(at).unwrap();
    call.pair.a.peer.set_local_description(at, offer).unwrap();
    let offer = call.pair.a.peer.local_description().unwrap();
    call.pair.b.peer.set_remote_description(at, offer).unwrap();
    let theirs = call.pair.b.peer.transceivers().last().unwrap().id;
    call.pair.b.peer.set_direction(theirs, Direction::SendRecv).unwrap();
    let answer = call.pair.b.peer.create_answer(at).unwrap();
    call.pair.b.peer.set_local_description(at, answer.clone()).unwrap();
    if rolls_back {
        call.pair.a.peer.set_local_description(at, SessionDescription::rollback()).unwrap();
    }
    for number in 0..10 {
        let sound = EncodedFrame::new(Codec::Pcmu, vec![1; 160], number * 160).with_duration(160);
        call.pair.with_b(|b, now| b.peer.send_frame(now, theirs, &sound)).unwrap();
        call.pair.run_for(20 * MS);
    }
    call.pair.run_for(SECOND);
    (call, id, answer)
}

/// Over a transport that is up: before the first answer nothing that comes can be verified.
#[test]
fn wpt_rtp_stats_lifetime_inbound_early_media() {
    let (mut call, id, answer) = with_early_media(false);
    let received = |call: &Call| call.reports()[0].inbound_rtp().map(|it| it.packets_received).collect::<Vec<_>>();
    assert_eq!(received(&call), [10], "the answer is not set yet");
    assert!(call.pair.a.peer.read_frame(id).is_some());
    let at = call.pair.now();
    call.pair.a.peer.set_remote_description(at, answer).unwrap();
    assert_eq!(received(&call), [10], "it is the same stream");
}

/// Guards: who takes an offer back receives nothing by it.
#[test]
fn no_media_come_by_an_offer_that_was_taken_back() {
    let (mut call, id, _) = with_early_media(true);
    assert_eq!(call.reports()[0].inbound_rtp().count(), 0);
    assert!(call.pair.a.peer.read_frame(id).is_none());
}

/// A channel that is open at both sides.
fn with_channel() -> (Call, ChannelId) {
    let mut call = Call::new();
    let at = call.pair.now();
    let parameters = ChannelParameters { label: "chat".into(), protocol: "words".into(), ..Default::default() };
    let channel = call.pair.a.create_channel(at, parameters);
    super::common::negotiate(&mut call.pair);
    call.pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    (call, channel)
}

fn channels(call: &Call) -> [DataChannelReport; 2] {
    call.reports().map(|report| report.data_channels().next().unwrap().clone())
}

#[test]
fn wpt_webrtc_stats_rtc_data_channel_stats_one_per_channel() {
    let (call, _) = with_channel();
    assert!(call.reports().iter().all(|report| report.data_channels().count() == 1));
}

#[test]
fn wpt_webrtc_stats_rtc_data_channel_stats_initial_values() {
    let (call, channel) = with_channel();
    let stream = call.pair.a.peer.session().channel_stream(channel);
    for report in channels(&call) {
        assert_eq!((report.label.as_str(), report.protocol.as_str()), ("chat", "words"));
        assert_eq!((report.data_channel_identifier, report.state), (stream, ChannelState::Open));
        assert_eq!([report.messages_sent, report.bytes_sent, report.messages_received, report.bytes_received], [0; 4]);
    }
}

fn assert_counted(call: &Call, messages: u64, bytes: u64) {
    let [a, b] = channels(call);
    assert_eq!([a.messages_sent, a.bytes_sent], [messages, bytes]);
    assert_eq!([b.messages_received, b.bytes_received], [messages, bytes]);
}

#[test]
fn wpt_webrtc_stats_rtc_data_channel_stats_string_counters() {
    let (mut call, channel) = with_channel();
    call.send(channel, false, "\u{e4}!".as_bytes());
    assert_counted(&call, 1, 3);
    call.send(channel, false, b"");
    assert_counted(&call, 2, 3);
}

#[test]
fn wpt_webrtc_stats_rtc_data_channel_stats_binary_counters() {
    let (mut call, channel) = with_channel();
    call.send(channel, true, &[1, 2, 3, 4, 5]);
    assert_counted(&call, 1, 5);
    call.send(channel, true, &[6, 7]);
    assert_counted(&call, 2, 7);
}

const STREAMS: [&str; 4] = ["inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp"];

#[test]
fn wpt_webrtc_stats_rtp_stats_creation_none_with_remote_only() {
    let (mut a, mut b) = Pc::two();
    a.add_track(MediaKind::Audio, &["stream"]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert!(kinds(&b.side.peer.stats(now())).is_disjoint(&BTreeSet::from(STREAMS)));
}

#[test]
fn wpt_webrtc_stats_rtp_stats_creation_none_with_local_only() {
    let mut a = Pc::new();
    a.add_track(MediaKind::Audio, &["stream"]);
    a.sld_implicit();
    assert!(kinds(&a.side.peer.stats(now())).is_disjoint(&BTreeSet::from(STREAMS)));
}

#[test]
fn wpt_webrtc_stats_rtp_stats_creation_outbound_after_negotiation() {
    let (mut a, mut b) = Pc::two();
    a.add_track(MediaKind::Audio, &["stream"]);
    a.add_track(MediaKind::Video, &["stream"]);
    assert_eq!(sent_by(&a), 0);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(sent_by(&a), 0);
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(sent_by(&a), 2);
}

#[test]
fn wpt_webrtc_stats_rtp_stats_creation_inbound_after_packets() {
    let (mut call, audio, video) = Call::with_media();
    assert_eq!(call.reports()[1].inbound_rtp().count(), 0);
    call.stream(audio, video, 10);
    let [_, report] = call.reports();
    let kinds: Vec<MediaKind> = report.inbound_rtp().map(|stream| stream.kind).collect();
    assert_eq!(kinds, [MediaKind::Audio, MediaKind::Video]);
}

#[test]
fn wpt_webrtc_stats_outbound_rtp_active_follows_encoding() {
    let (mut call, audio, _) = Call::with_media();
    assert_eq!(call.reports()[0].outbound_rtp().map(|stream| stream.active).collect::<Vec<_>>(), [true; 2]);
    call.pair.a.peer.set_direction(audio, Direction::Inactive).unwrap();
    super::common::negotiate(&mut call.pair);
    assert!(!outbound(&call.reports()[0], MediaKind::Audio).active, "it stays, and is not active");
}

#[test]
fn wpt_webrtc_stats_stats_creation_after_create_data_channel() {
    let mut pc = Pc::new();
    pc.create_channel();
    let report = pc.side.peer.stats(now());
    assert_eq!(kinds(&report), BTreeSet::from(["data-channel", "peer-connection"]));
    assert_eq!(report.data_channels().next().unwrap().data_channel_identifier, None);
}

/// The report of a peer whose application tells of the track that it sends.
fn with_source(pc: &mut Pc, id: TransceiverId) -> StatsReport {
    let sources = [SourceReport { transceiver: id, number: 1, figures: SourceFigures::Sound(SoundLevel::default()) }];
    pc.peer().stats_with(now(), &sources)
}

#[test]
fn wpt_webrtc_stats_stats_creation_after_add_track() {
    let mut pc = Pc::new();
    let id = pc.add_track(MediaKind::Audio, &["stream"]);
    assert_eq!(kinds(&with_source(&mut pc, id)), BTreeSet::from(["media-source", "peer-connection"]));
}

#[test]
fn wpt_webrtc_stats_stats_creation_after_sld() {
    let mut pc = Pc::new();
    let id = pc.add_track(MediaKind::Audio, &["stream"]);
    pc.sld_implicit();
    let kinds = kinds(&with_source(&mut pc, id));
    assert!(kinds.contains("media-source") && !kinds.contains("codec"), "{kinds:?}");
    assert!(kinds.is_disjoint(&BTreeSet::from(STREAMS)));
}

#[test]
fn wpt_webrtc_stats_stats_creation_after_negotiation() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(MediaKind::Audio, &["stream"]);
    super::negotiate(&mut a, &mut b);
    let report = with_source(&mut a, id);
    let streams: Vec<&str> = STREAMS.into_iter().filter(|kind| kinds(&report).contains(kind)).collect();
    assert_eq!(streams, ["outbound-rtp"]);
    assert_references(&report);
}

#[test]
fn wpt_webrtc_stats_stats_creation_after_connected() {
    let (mut call, audio, video) = Call::with_media();
    call.stream(audio, video, 400);
    let sources =
        [SourceReport { transceiver: audio, number: 1, figures: SourceFigures::Sound(SoundLevel::default()) }];
    let report = call.pair.a.peer.stats_with(call.pair.now(), &sources);
    assert!(kinds(&report).is_superset(&BTreeSet::from(["media-source", "outbound-rtp", "remote-inbound-rtp"])));
    assert_references(&report);
}

/// A call whose offerer was not told where the other side is, and the answer with its candidates.
fn with_unsignalled_candidate() -> (Call, SessionDescription) {
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
    let is_candidate = |line: &str| line.starts_with("a=candidate") || line.starts_with("a=end-of-candidates");
    let without = answer.sdp.split_inclusive('\n').filter(|line| !is_candidate(line)).collect::<String>();
    call.pair.a.peer.set_remote_description(at, SessionDescription::answer(without)).unwrap();
    call.connect();
    (call, answer)
}

fn remote_candidate(call: &Call) -> CandidateReport {
    call.reports()[0].remote_candidates().next().unwrap().clone()
}

/// Tells the candidates of an answer, one after the other.
fn signal_candidates(call: &mut Call, answer: &SessionDescription) {
    let at = call.pair.now();
    for line in answer.sdp.lines().filter_map(|line| line.strip_prefix("a=")) {
        if line.starts_with("candidate:") {
            let candidate = IceCandidate { candidate: line.to_owned(), sdp_mline_index: Some(0), ..Default::default() };
            call.pair.a.peer.add_ice_candidate(at, &candidate).unwrap();
        }
    }
}

#[test]
fn wpt_webrtc_stats_get_stats_remote_candidate_address_hidden_when_prflx() {
    let (call, _) = with_unsignalled_candidate();
    let candidate = remote_candidate(&call);
    assert_eq!((candidate.candidate_type, candidate.address.0.as_deref()), (CandidateKind::PeerReflexive, None));
    #[cfg(feature = "serde")]
    assert!(serde_json::to_value(remote_candidate(&call)).unwrap()["address"].is_null());
}

#[test]
fn wpt_webrtc_stats_get_stats_remote_candidate_address_shown_when_signalled() {
    let (mut call, answer) = with_unsignalled_candidate();
    signal_candidates(&mut call, &answer);
    assert_eq!(remote_candidate(&call).address.0, Some(Pair::<Side>::B.ip().to_string()));
}

#[test]
fn wpt_webrtc_stats_get_stats_remote_candidate_ufrag_unsignaled_prflx_hides_ufrag() {
    let (call, _) = with_unsignalled_candidate();
    assert_eq!(remote_candidate(&call).username_fragment, None);
}

/// Candidates that descriptions and signaling bring have the fragment of their generation.
#[test]
fn wpt_webrtc_stats_get_stats_remote_candidate_ufrag_ufrag_after_answer() {
    let (mut call, answer) = with_unsignalled_candidate();
    signal_candidates(&mut call, &answer);
    let fragment = remote_candidate(&call).username_fragment.unwrap();
    assert!(answer.sdp.contains(&format!("a=ice-ufrag:{fragment}\r\n")));
}

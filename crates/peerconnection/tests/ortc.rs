//! The engine by hand: no descriptions, the parameters are carried over as plain data.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use bytes::Bytes;
use netsim::{Endpoint, Link, Pair};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::crypto::{HashAlgorithm, rust_crypto};
use ortica::core::{Datagram, Instant, Rng, SocketId, Transmit};
use ortica::engine::{
    ChannelId, ChannelMessage, ChannelParameters, CodecFeedback, Config, DtlsParameters, DtlsState, Event,
    RtpCodecParameters, RtpEncodingParameters, RtpReceiveParameters, RtpSendParameters, RtpTelephoneEvents,
    SctpParameters, SenderId, Session, TransportId,
};
use ortica_dtls::{Certificate, Fingerprint, Role};
use ortica_rtp::header_extension::{ExtensionMap, Kind};
use ortica_rtp::{Mid, PayloadType, Rid, Ssrc};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A session with one transport, and what it reported.
struct Side {
    session: Session,
    transport: TransportId,
    certificate: Arc<Certificate>,
    events: Vec<Event>,
    received: Vec<ChannelMessage>,
    /// Bytes that left on anything but STUN and DTLS handshakes: application data records.
    records: usize,
}

impl Side {
    fn new(seed: u64, address: SocketAddr, role: ortica_ice::Role) -> Self {
        let provider = rust_crypto::provider();
        let rng = Rng::from_number(seed);
        let wall = Duration::from_secs(1_800_000_000);
        let certificate = Arc::new(Certificate::generate(&provider, &mut rng.fork("certificate"), wall).unwrap());
        let config = Config::new(
            ortica_ice::Config::new(provider),
            ortica_dtls::Config::new(provider, certificate.clone())
                .with_srtp_profiles(&[ortica_dtls::SrtpProfile::AEAD_AES_128_GCM]),
            ortica_sctp::Config::new(provider),
        );
        let now = netsim::epoch();
        let mut session = Session::new(Arc::new(config), rng, now);
        let transport = session.add_transport(now).unwrap();
        session.set_ice_role(now, transport, role).unwrap();
        session.add_socket(now, transport, SocketId(0), address).unwrap();
        session.end_of_sockets(now, transport).unwrap();
        Self { session, transport, certificate, events: Vec::new(), received: Vec::new(), records: 0 }
    }

    fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint(HashAlgorithm::Sha256)
    }

    /// Starts everything towards `peer`, whose certificate is expected to be `fingerprint`.
    fn start(&mut self, peer: &Self, role: Role, fingerprint: Fingerprint) {
        let now = netsim::epoch();
        let theirs = peer.session.ice(peer.transport).unwrap();
        let credentials = theirs.local_credentials().clone();
        self.session.set_remote_credentials(now, self.transport, credentials, false).unwrap();
        for candidate in theirs.local_candidates() {
            self.session.add_remote_candidate(now, self.transport, candidate.clone()).unwrap();
        }
        let parameters = DtlsParameters { role, fingerprints: vec![fingerprint] };
        self.session.start_dtls(now, self.transport, parameters).unwrap();
        self.session.start_sctp(now, self.transport, SctpParameters::default()).unwrap();
    }

    fn opened(&self) -> Option<ChannelId> {
        self.events.iter().find_map(|event| match event {
            Event::ChannelOpen(id) => Some(*id),
            _ => None,
        })
    }
}

impl Endpoint for Side {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.session.handle_datagram(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let start = out.len();
        let transmit = self.session.poll_transmit(now, max_segments, out);
        if out.get(start) == Some(&23) {
            self.records += 1;
        }
        transmit
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        while let Some(event) = self.session.poll_event() {
            if let Event::ChannelReadable(id) = event {
                while let Some(message) = self.session.read(now, id) {
                    self.received.push(message);
                }
            }
            self.events.push(event);
        }
    }
}

fn pair(seed: u64) -> Pair<Side> {
    let a = Side::new(2 * seed, Pair::<Side>::A, ortica_ice::Role::Controlling);
    let b = Side::new(2 * seed + 1, Pair::<Side>::B, ortica_ice::Role::Controlled);
    Pair::new(seed, Link::with_delay(Duration::from_millis(10)), a, b)
}

#[test]
fn a_message_crosses_between_objects_made_by_hand() {
    let mut pair = pair(1);
    let (a, b) = (pair.a.fingerprint(), pair.b.fingerprint());
    pair.a.start(&pair.b, Role::Client, b);
    pair.b.start(&pair.a, Role::Server, a);
    let parameters = ChannelParameters { label: "by hand".to_owned(), ..ChannelParameters::default() };
    let channel = pair.a.session.create_channel(netsim::epoch(), parameters).unwrap();
    pair.run_until(Duration::from_secs(5), |a, b| a.opened().is_some() && b.opened().is_some()).unwrap();
    let message = ChannelMessage { binary: false, data: Bytes::from_static(b"hello") };
    let sent = message.clone();
    pair.with_a(|a, now| a.session.send(now, channel, sent)).unwrap();
    pair.run_until(Duration::from_secs(5), |_, b| !b.received.is_empty()).unwrap();
    assert_eq!(pair.b.received, [message]);
    let incoming = pair.b.opened().unwrap();
    assert_eq!(pair.b.session.channel_parameters(incoming).unwrap().label, "by hand");
}

/// Guards: the association is made from `Verified` alone; a certificate that does not match lets nothing out, and the
/// failure is known within a second.
#[test]
fn cve_02_a_wrong_fingerprint_lets_nothing_out() {
    for byte in 0..32 {
        let mut pair = pair(100 + byte as u64);
        let mut wrong = pair.b.fingerprint().value().to_vec();
        wrong[byte] ^= 1;
        let wrong = Fingerprint::new("sha-256", wrong).unwrap();
        let right = pair.a.fingerprint();
        pair.a.start(&pair.b, Role::Client, wrong);
        pair.b.start(&pair.a, Role::Server, right);
        pair.a.session.create_channel(netsim::epoch(), ChannelParameters::default()).unwrap();
        let transport = pair.a.transport;
        pair.run_until(Duration::from_secs(5), |a, _| a.events.contains(&Event::Dtls(transport, DtlsState::Failed)))
            .unwrap();
        assert_eq!(pair.a.opened(), None);
        assert_eq!((pair.a.records, pair.b.records), (0, 0), "byte {byte}");
    }
}

/// Guards: what comes from an address without a valid check is counted and dropped, DTLS included.
#[test]
fn cve_10_packets_from_elsewhere_change_nothing() {
    let mut pair = pair(1);
    let (a, b) = (pair.a.fingerprint(), pair.b.fingerprint());
    pair.a.start(&pair.b, Role::Client, b);
    pair.b.start(&pair.a, Role::Server, a);
    let channel = pair.a.session.create_channel(netsim::epoch(), ChannelParameters::default()).unwrap();
    let stranger = SocketAddr::from(([203, 0, 113, 7], 4444));
    for round in 0..2 {
        pair.with_b(|b, now| {
            for first in 0..=255u8 {
                // Handshake and alert records, media, and bytes of no protocol.
                let mut packet = vec![first, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40];
                b.session.handle_datagram(now, Datagram::single(SocketId(0), stranger, &mut packet));
                b.session.handle_datagram(now, Datagram::single(SocketId(0), stranger, &mut []));
            }
        });
        if round == 0 {
            pair.run_until(Duration::from_secs(5), |a, b| a.opened().is_some() && b.opened().is_some()).unwrap();
        }
    }
    let message = ChannelMessage { binary: true, data: Bytes::from_static(b"still here") };
    pair.with_a(|a, now| a.session.send(now, channel, message.clone())).unwrap();
    pair.run_until(Duration::from_secs(5), |_, b| !b.received.is_empty()).unwrap();
    let stats = pair.b.session.transport_stats(pair.b.transport).unwrap();
    assert!(stats.unvalidated_packets >= 2 * 44, "{stats:?}");
}

const LAYERS: [(&str, Ssrc); 2] = [("q", Ssrc(1)), ("f", Ssrc(2))];

fn vp8() -> RtpCodecParameters {
    let feedback = CodecFeedback::default();
    RtpCodecParameters {
        form: Codec::Vp8.into(),
        payload_type: PayloadType(96),
        rtx: None,
        redundancy: None,
        comfort_noise: None,
        feedback,
    }
}

/// The extensions by which packets name section and layer.
fn names() -> ExtensionMap {
    let mut names = ExtensionMap::new();
    names.insert(1, Kind::Mid).unwrap();
    names.insert(2, Kind::Rid).unwrap();
    names
}

fn sending(header_extensions: ExtensionMap) -> RtpSendParameters {
    let encoding = |(rid, ssrc): (&str, Ssrc)| RtpEncodingParameters {
        rid: Some(Rid::new(rid).unwrap()),
        ..RtpEncodingParameters::new(ssrc)
    };
    RtpSendParameters {
        mid: Some(Mid::new("0").unwrap()),
        codecs: vec![vp8()],
        telephone_events: Vec::new(),
        header_extensions,
        encodings: LAYERS.into_iter().map(encoding).collect(),
        max_bitrate: None,
        reduced_size_rtcp: true,
    }
}

fn receiving() -> RtpReceiveParameters {
    RtpReceiveParameters {
        mid: Some(Mid::new("0").unwrap()),
        codecs: vec![vp8()],
        telephone_events: Vec::new(),
        header_extensions: names(),
        ssrcs: Vec::new(),
        rids: LAYERS.into_iter().map(|(rid, _)| Rid::new(rid).unwrap()).collect(),
        descriptions: Vec::new(),
        reduced_size_rtcp: true,
    }
}

/// Sends ten pictures in each layer.
fn send_pictures(pair: &mut Pair<Side>, from: SenderId) {
    for number in 0..10 {
        pair.with_a(|a, now| {
            for encoding in 0..LAYERS.len() {
                let data = vec![u8::from(number > 0), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 0, 0];
                let frame = EncodedFrame::new(Codec::Vp8, data, number * 1_800).with_key_frame(number == 0);
                a.session.send_encoding(now, from, encoding, &frame).unwrap();
            }
        });
        pair.run_for(Duration::from_millis(20));
    }
    pair.run_for(Duration::from_millis(500));
}

/// Guards: browsers name their layers until these were reported on, and never again; so a layer that ended by a goodbye, or was
/// not received for a while, is known when it comes back.
#[test]
fn layers_that_come_back_need_no_name() {
    for stops in [false, true] {
        let mut pair = pair(200);
        let (a, b) = (pair.a.fingerprint(), pair.b.fingerprint());
        pair.a.start(&pair.b, Role::Client, b);
        pair.b.start(&pair.a, Role::Server, a);
        let from = pair.a.session.add_sender(pair.a.transport, MediaKind::Video).unwrap();
        let to = pair.b.session.add_receiver(pair.b.transport, MediaKind::Video).unwrap();
        pair.b.session.start_receiving(to, receiving()).unwrap();
        pair.a.session.start_sending(netsim::epoch(), from, &sending(names())).unwrap();
        let up = |side: &Side| side.events.contains(&Event::Dtls(side.transport, DtlsState::Connected));
        pair.run_until(Duration::from_secs(5), |a, b| up(a) && up(b)).unwrap();
        send_pictures(&mut pair, from);

        pair.with_a(|a, _| a.session.stop_sending(from)).unwrap();
        if stops {
            pair.with_b(|b, _| b.session.stop_receiving(to)).unwrap();
        }
        // The goodbye has come.
        pair.run_for(Duration::from_secs(10));
        assert!(!pair.b.session.is_receiving(to));
        if stops {
            pair.with_b(|b, _| b.session.start_receiving(to, receiving())).unwrap();
        }
        pair.with_a(|a, now| a.session.start_sending(now, from, &sending(ExtensionMap::new()))).unwrap();
        send_pictures(&mut pair, from);
        let stats = pair.b.session.layer_stats(to);
        let came: Vec<_> = stats.iter().map(|stats| (stats.ssrc, stats.frames_received)).collect();
        assert_eq!(came, LAYERS.map(|(_, ssrc)| (Some(ssrc), 10)), "stops: {stops}");
    }
}

/// Guards: events whose timestamps count otherwise than the sound's are not passed on as its own; their numbers are.
#[test]
fn keys_with_another_clock_are_no_sound_and_no_keys_for_who_reads_packets() {
    const KEYS: PayloadType = PayloadType(101);
    let events = |clock_rate| vec![RtpTelephoneEvents { payload_type: KEYS, clock_rate }];
    let pcmu = RtpCodecParameters { form: Codec::Pcmu.into(), payload_type: PayloadType(0), rtx: None, ..vp8() };
    for (clock_rate, are_keys) in [(8_000, true), (48_000, false)] {
        let mut pair = pair(210);
        let (a, b) = (pair.a.fingerprint(), pair.b.fingerprint());
        pair.a.start(&pair.b, Role::Client, b);
        pair.b.start(&pair.a, Role::Server, a);
        let from = pair.a.session.add_sender(pair.a.transport, MediaKind::Audio).unwrap();
        let to = pair.b.session.add_receiver(pair.b.transport, MediaKind::Audio).unwrap();
        let receiving = RtpReceiveParameters {
            codecs: vec![pcmu],
            telephone_events: events(clock_rate),
            rids: Vec::new(),
            ..receiving()
        };
        pair.b.session.start_receiving(to, receiving).unwrap();
        let sending = RtpSendParameters {
            codecs: vec![pcmu],
            telephone_events: events(8_000),
            encodings: vec![RtpEncodingParameters::new(Ssrc(7))],
            ..sending(names())
        };
        pair.a.session.start_sending(netsim::epoch(), from, &sending).unwrap();
        assert_eq!(pair.with_b(|b, now| b.session.tap_packets(now, to, None)), Ok(true));
        let up = |side: &Side| side.events.contains(&Event::Dtls(side.transport, DtlsState::Connected));
        pair.run_until(Duration::from_secs(5), |a, b| up(a) && up(b)).unwrap();
        let held = Duration::from_millis(100);
        pair.with_a(|a, now| a.session.insert_dtmf(now, from, "5", held, held)).unwrap();
        pair.run_for(Duration::from_secs(1));
        let came: Vec<_> = std::iter::from_fn(|| pair.b.session.read_packet(to, None)).collect();
        assert!(came.len() >= 4, "{came:?}");
        for packet in &came {
            assert_eq!((packet.is_telephone_event, packet.payload.is_empty()), (are_keys, !are_keys), "{packet:?}");
        }
    }
}

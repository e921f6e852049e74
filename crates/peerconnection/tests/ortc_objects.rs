//! Objects made by hand over real sockets, and those of connections; parameters cross as JSON where the feature is there.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::ReceivedFrame;
use ortica::ortc::{
    DtlsError, DtlsParameters, DtlsState, DtlsTransport, IceCandidate, IceGatherer, IceGathererState, IceParameters,
    IceRole, IceTransport, IceTransportState, ObjectError, RtpCapabilities, RtpReceiver, RtpSender, SctpCapabilities,
    SctpState, SctpTransport,
};
use ortica::transform::RtpFrame;
use ortica::{
    Configuration, DataChannelInit, LocalTrack, Message, NewError, PeerConnection, ReplaceTrackError,
    jsep::SessionDescription,
};
use std::time::Duration;

/// What one side tells the other.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
struct Signal {
    ice: IceParameters,
    candidates: Vec<IceCandidate>,
    dtls: DtlsParameters,
    sctp: SctpCapabilities,
}

/// What comes out of what carries it.
#[cfg(feature = "serde")]
fn carried<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(data: T) -> T {
    let json = serde_json::to_string(&data).expect("plain data");
    let read = serde_json::from_str(&json).expect("what was written");
    assert_eq!(data, read);
    read
}

#[cfg(not(feature = "serde"))]
fn carried<T>(data: T) -> T {
    data
}

/// One side.
#[derive(Clone, Debug)]
struct Objects {
    gatherer: IceGatherer,
    ice: IceTransport,
    dtls: DtlsTransport,
    sctp: SctpTransport,
}

fn configuration() -> Configuration {
    Configuration::default().with_endpoint(sockets::loopback())
}

impl Objects {
    fn new() -> Self {
        Self::with(configuration()).expect("objects")
    }

    fn with(configuration: Configuration) -> Result<Self, NewError> {
        let gatherer = IceGatherer::new(configuration)?;
        let ice = IceTransport::new(&gatherer);
        let dtls = DtlsTransport::new(&ice);
        let sctp = SctpTransport::new(&dtls);
        Ok(Self { gatherer, ice, dtls, sctp })
    }

    async fn signal(&self) -> Signal {
        self.gatherer.gather().expect("the first time");
        self.gatherer.gathering_complete().await;
        carried(Signal {
            ice: self.gatherer.local_parameters(),
            candidates: self.gatherer.local_candidates(),
            dtls: self.dtls.local_parameters(),
            sctp: self.sctp.capabilities(),
        })
    }

    fn start(&self, theirs: &Signal, role: IceRole) {
        self.ice.start(&theirs.ice, role).expect("ICE starts");
        for candidate in &theirs.candidates {
            self.ice.add_remote_candidate(Some(candidate)).expect("a candidate");
        }
        self.ice.add_remote_candidate(None).expect("the end of them");
        self.dtls.start(&theirs.dtls).expect("DTLS starts");
        self.sctp.start(theirs.sctp).expect("SCTP starts");
    }
}

/// Two sides that are started towards each other.
async fn started() -> (Objects, Objects) {
    let (a, b) = (Objects::new(), Objects::new());
    let (of_a, of_b) = (a.signal().await, b.signal().await);
    a.start(&of_b, IceRole::Controlling);
    b.start(&of_a, IceRole::Controlled);
    (a, b)
}

#[tokio::test]
async fn a_channel_opens_between_objects_made_by_hand() {
    let (a, b) = started().await;
    let channel = a.sctp.create_data_channel("by hand", DataChannelInit::default()).expect("a channel");
    assert!(channel.opened().await);
    let incoming = b.sctp.accept().await.expect("the other end");
    assert_eq!(incoming.label(), "by hand");
    channel.send("ping").await.expect("open");
    assert_eq!(incoming.recv().await, Some(Message::from("ping")));
    incoming.send("pong").await.expect("open");
    assert_eq!(channel.recv().await, Some(Message::from("pong")));

    assert_eq!((a.ice.role(), b.ice.role()), (Some(IceRole::Controlling), Some(IceRole::Controlled)));
    assert_eq!((a.dtls.state(), a.sctp.state()), (DtlsState::Connected, SctpState::Connected));
    assert_eq!(a.ice.remote_parameters(), b.ice.local_parameters());
    assert_eq!(a.sctp.max_channels(), b.sctp.max_channels());
    assert_eq!((a.dtls.remote_certificates().len(), a.dtls.error()), (1, None));
    let pair = a.ice.selected_candidate_pair().expect("connected");
    assert!(a.ice.local_candidates().contains(&pair.local) && a.ice.remote_candidates().contains(&pair.remote));
    assert_eq!(a.sctp.transport(), Some(a.dtls.clone()));
    assert_eq!(a.dtls.ice_transport(), a.ice);
}

/// Guards `IceGatherer::restart` and what follows from it at the other side; candidates are told as they come.
#[tokio::test]
async fn ice_restarts_by_hand_and_the_channel_goes_on() {
    let (a, b) = started().await;
    let channel = a.sctp.create_data_channel("by hand", DataChannelInit::default()).expect("a channel");
    assert!(channel.opened().await);
    let incoming = b.sctp.accept().await.expect("the other end");
    assert_eq!(Objects::new().gatherer.restart(), Err(ObjectError::NotGathering));
    let before = [&a, &b].map(|side| side.gatherer.local_parameters());
    let mut candidates = [&a, &b].map(|side| side.gatherer.candidates());
    a.gatherer.restart().expect("it gathers");
    b.ice.start(&a.gatherer.local_parameters(), IceRole::Controlled).expect("a restart");
    a.ice.start(&b.gatherer.local_parameters(), IceRole::Controlling).expect("the answer to it");
    let after = [&a, &b].map(|side| side.gatherer.local_parameters());
    assert!(before[0] != after[0] && before[1] != after[1]);
    for ((told, other), theirs) in candidates.iter_mut().zip([&b, &a]).zip(&after) {
        let mut count = 0;
        while let Some(candidate) = told.next().await {
            assert_eq!(candidate.username_fragment.as_ref(), Some(&theirs.username_fragment));
            other.ice.add_remote_candidate(Some(&candidate)).expect("a candidate of the new generation");
            count += 1;
        }
        assert_eq!(count, 1);
    }
    channel.send("meanwhile").await.expect("open");
    assert_eq!(incoming.recv().await, Some(Message::from("meanwhile")));
    assert!(a.ice.connected().await.is_ok() && b.ice.connected().await.is_ok());
    assert_eq!((a.dtls.state(), a.sctp.state()), (DtlsState::Connected, SctpState::Connected));
    assert_eq!(a.ice.remote_parameters(), Some(after[1].clone()));
}

/// The channels that are there when the objects end.
#[tokio::test]
async fn each_layer_ends_with_what_runs_over_it_and_tells_the_other_side() {
    let (a, b) = started().await;
    let channel = a.sctp.create_data_channel("x", DataChannelInit::default()).expect("a channel");
    assert!(channel.opened().await);
    // A channel may open a little before the association is up.
    for side in [&a, &b] {
        while side.sctp.state_change(SctpState::Connecting).await != SctpState::Connected {}
    }

    a.sctp.stop().expect("by hand");
    assert_eq!((a.sctp.state(), a.dtls.state()), (SctpState::Closed, DtlsState::Connected));
    channel.closed().await;
    assert_eq!(b.sctp.state_change(SctpState::Connected).await, SctpState::Closed);
    assert!(b.sctp.accept().await.is_some_and(|channel| channel.label() == "x"), "it came before the end");
    assert!(b.sctp.accept().await.is_none());
    assert_eq!(a.sctp.start(a.sctp.capabilities()), Err(ObjectError::Started));

    a.dtls.stop().expect("by hand");
    assert_eq!(a.dtls.state(), DtlsState::Closed);
    assert_eq!(b.dtls.state_change(DtlsState::Connected).await, DtlsState::Closed);
    assert!(a.ice.connected().await.is_ok(), "ICE goes on");

    a.ice.stop().expect("by hand");
    assert_eq!((a.ice.state(), a.ice.selected_candidate_pair()), (IceTransportState::Closed, None));
    assert_eq!(a.ice.connected().await, Err(IceTransportState::Closed));
    assert_eq!(a.ice.add_remote_candidate(None), Err(ObjectError::Closed));
    assert_eq!(a.gatherer.gather(), Err(ObjectError::Closed));
    a.ice.stop().expect("nothing is left to do");
}

#[tokio::test]
async fn what_is_stopped_before_it_starts_never_does() {
    let (a, b) = (Objects::new(), Objects::new());
    let theirs = b.signal().await;
    a.sctp.stop().expect("by hand");
    a.dtls.stop().expect("by hand");
    a.ice.start(&theirs.ice, IceRole::Controlling).expect("ICE is not stopped");
    assert_eq!((a.sctp.state(), a.dtls.state()), (SctpState::Closed, DtlsState::Closed));
    assert_eq!(a.sctp.start(theirs.sctp), Err(ObjectError::Closed));
    assert_eq!(a.dtls.start(&theirs.dtls), Err(ObjectError::Closed));
    assert_eq!(a.dtls.connected().await, Err(DtlsState::Closed));
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_change_nothing() {
    let (a, b) = (Objects::new(), Objects::new());
    let theirs = b.signal().await;
    assert_eq!(a.dtls.start(&theirs.dtls), Err(ObjectError::IceNotStarted));
    a.ice.start(&theirs.ice, IceRole::Controlling).expect("ICE starts");
    assert_eq!(a.dtls.start(&DtlsParameters::default()), Err(ObjectError::NoFingerprint));
    let mut malformed = theirs.dtls.clone();
    malformed.fingerprints[0].value.push('0');
    assert!(matches!(a.dtls.start(&malformed), Err(ObjectError::Fingerprint(_))));
    assert_eq!(a.dtls.state(), DtlsState::New);
    a.dtls.start(&theirs.dtls).expect("it was not started yet");
    assert_eq!(a.dtls.start(&theirs.dtls), Err(ObjectError::Started));
    assert_eq!((a.gatherer.gather(), a.gatherer.gather()), (Ok(()), Err(ObjectError::Started)));
}

#[tokio::test]
async fn a_wrong_fingerprint_is_told_by_the_transport() {
    let (a, b) = (Objects::new(), Objects::new());
    let (of_a, mut of_b) = (a.signal().await, b.signal().await);
    let digit = if of_b.dtls.fingerprints[0].value.starts_with('0') { "1" } else { "0" };
    of_b.dtls.fingerprints[0].value.replace_range(..1, digit);
    a.start(&of_b, IceRole::Controlling);
    b.start(&of_a, IceRole::Controlled);
    assert_eq!(a.dtls.connected().await, Err(DtlsState::Failed));
    assert_eq!(a.dtls.error(), Some(DtlsError::Fingerprint));
    assert!(a.dtls.remote_certificates().is_empty());
}

#[tokio::test]
async fn candidates_come_one_by_one_and_end() {
    let objects = Objects::new();
    let mut candidates = objects.gatherer.candidates();
    objects.gatherer.gather().expect("the first time");
    let mut told = Vec::new();
    while let Some(candidate) = candidates.next().await {
        told.push(candidate);
    }
    assert_eq!(objects.gatherer.state(), IceGathererState::Complete);
    assert_eq!((told.len(), told), (1, objects.gatherer.local_candidates()));
}

#[tokio::test]
async fn the_last_handle_that_goes_closes_everything() {
    let (a, b) = started().await;
    assert!(b.dtls.connected().await.is_ok());
    let sctp = a.sctp.clone();
    drop(a);
    // This one holds what it runs on.
    let channel = sctp.create_data_channel("x", DataChannelInit::default()).expect("a channel");
    drop(sctp);
    assert!(channel.opened().await);
    drop(channel);
    assert_eq!(b.dtls.state_change(DtlsState::Connected).await, DtlsState::Closed);
}

/// Futures that wait for a state that never comes end with the objects.
#[tokio::test]
async fn nobody_waits_for_closed_objects() {
    let objects = Objects::new();
    let (ice, dtls, sctp) = (objects.ice.clone(), objects.dtls.clone(), objects.sctp.clone());
    let mut candidates = objects.gatherer.candidates();
    let waiting = tokio::spawn(async move {
        tokio::join!(
            ice.state_change(IceTransportState::New),
            ice.connected(),
            ice.gathering_complete(),
            ice.selected_candidate_pair_change(None),
            dtls.state_change(DtlsState::New),
            sctp.state_change(SctpState::Connecting),
            async { sctp.accept().await.is_none() },
            candidates.next(),
        )
    });
    tokio::task::yield_now().await;
    objects.ice.stop().expect("by hand");
    let (ice, connected, (), pair, dtls, sctp, no_channel, candidate) = waiting.await.expect("no panic");
    assert_eq!((ice, connected), (IceTransportState::Closed, Err(IceTransportState::Closed)));
    assert_eq!((dtls, sctp), (DtlsState::Closed, SctpState::Closed));
    assert_eq!((pair, no_channel, candidate), (None, true, None));
}

/// Two connections that agreed on sound and data.
async fn connections() -> (PeerConnection, PeerConnection) {
    let [a, b] = [(); 2].map(|()| PeerConnection::new(configuration()).expect("a connection").0);
    a.add_track(&LocalTrack::audio(), &["stream"]).expect("open");
    a.create_data_channel("x", DataChannelInit::default()).expect("open");
    for (from, to, description) in [(&a, &b, SessionDescription::offer("")), (&b, &a, SessionDescription::answer(""))] {
        from.set_local_description(description).expect("it fits the state");
        from.gathering_complete().await;
        to.set_remote_description(from.local_description().expect("it was set")).expect("it is legal");
    }
    (a, b)
}

#[tokio::test]
async fn a_connection_lends_its_transports() {
    let (a, b) = connections().await;
    for connection in [&a, &b] {
        let transceiver = connection.transceivers().remove(0);
        let dtls = transceiver.sender().transport().expect("negotiated");
        assert_eq!(transceiver.receiver().transport(), Some(dtls.clone()));
        let sctp = connection.sctp().expect("negotiated");
        assert_eq!(sctp.transport(), Some(dtls.clone()), "bundled");
        assert!(dtls.connected().await.is_ok() && dtls.ice_transport().connected().await.is_ok());
        if sctp.state() == SctpState::Connecting {
            assert_eq!(sctp.state_change(SctpState::Connecting).await, SctpState::Connected);
        }
        assert_eq!(dtls.remote_certificates().len(), 1);

        let ice = dtls.ice_transport();
        let theirs = ice.remote_parameters().expect("negotiated");
        assert_eq!(ice.start(&theirs, IceRole::Controlling), Err(ObjectError::Negotiated));
        assert_eq!(ice.add_remote_candidate(None), Err(ObjectError::Negotiated));
        assert_eq!(ice.stop(), Err(ObjectError::Negotiated));
        assert_eq!(dtls.start(&dtls.local_parameters()), Err(ObjectError::Negotiated));
        assert_eq!(dtls.stop(), Err(ObjectError::Negotiated));
        assert_eq!(sctp.start(sctp.capabilities()), Err(ObjectError::Negotiated));
        assert_eq!(sctp.stop(), Err(ObjectError::Negotiated));
        assert!(sctp.accept().await.is_none(), "events tell of channels");
    }
    let (ours, theirs) = (a.sctp().expect("negotiated"), b.sctp().expect("negotiated"));
    let dtls = theirs.transport().expect("negotiated");
    a.close().await;
    assert_eq!(ours.state(), SctpState::Closed);
    assert_eq!(dtls.state_change(DtlsState::Connected).await, DtlsState::Closed);
    // DTLS ends first, and SCTP with it.
    assert_eq!(theirs.state(), SctpState::Closed);
}

/// Peers are many on one port, whoever made them.
#[tokio::test]
async fn objects_share_an_endpoint_with_connections() {
    let shared = configuration();
    let a = Objects::with(shared.clone()).expect("objects");
    let b = Objects::with(shared.clone()).expect("objects");
    let (connection, _events) = PeerConnection::new(shared).expect("a connection");
    let (of_a, of_b) = (a.signal().await, b.signal().await);
    assert_eq!(of_a.candidates[0].port, of_b.candidates[0].port);
    connection.close().await;
    let other = Objects::new();
    let of_other = other.signal().await;
    a.start(&of_other, IceRole::Controlling);
    other.start(&of_a, IceRole::Controlled);
    let connected = tokio::time::timeout(Duration::from_secs(20), a.dtls.connected()).await;
    assert_eq!(connected, Ok(Ok(())));
}

/// Sound of 160 samples, whose bytes tell its number.
fn sound(number: u8) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number; 160], i64::from(number) * 160).with_duration(160)
}

/// Over one transport with data channels, as the objects have it.
#[tokio::test]
async fn a_track_crosses_between_objects_made_by_hand() {
    let (a, b) = started().await;
    let track = LocalTrack::audio();
    let sender = RtpSender::new(&track, &a.dtls).expect("by hand");
    let receiver = RtpReceiver::new(MediaKind::Audio, &b.dtls).expect("by hand");
    assert_eq!((sender.transport(), receiver.transport()), (a.dtls.clone(), b.dtls.clone()));

    let theirs = carried(RtpCapabilities::of(MediaKind::Audio, [Codec::Pcmu]));
    let parameters = carried(sender.send(&theirs.parameters()).expect("PCMU is known"));
    assert!(parameters.encodings[0].ssrc.is_some());
    receiver.receive(&parameters).expect("PCMU is known");
    let grown = |mut frame: RtpFrame| {
        frame.set_data([frame.data(), &[7][..]].concat());
        Some(frame)
    };
    sender.set_transform(grown).expect("it is there");
    receiver.set_transform(grown).expect("it is there");
    assert!(a.dtls.connected().await.is_ok() && b.dtls.connected().await.is_ok());

    let received = receiver.track();
    let mut number = 0;
    let heard = loop {
        // Packets that come before the receiver knows its keys are lost, so that one frame would not do.
        number += 1;
        track.write_encoded(&sound(number)).expect("sound");
        let next = tokio::time::timeout(Duration::from_millis(20), received.recv_encoded()).await;
        match next {
            Ok(Some(ReceivedFrame::Frame { frame, .. })) => break frame,
            Ok(None) => panic!("the track ended"),
            _ => {}
        }
        assert!(number < 250, "nothing was heard");
    };
    assert_eq!((heard.codec, heard.data.len()), (Codec::Pcmu, 162), "each side's transform added a byte");
    let (mut reader, _) = receiver.transform_streams().expect("it is there");

    assert_eq!(sender.replace_track(Some(&LocalTrack::video())), Err(ReplaceTrackError::Kind(MediaKind::Audio)));
    sender.stop();
    assert_eq!(track.write_encoded(&sound(0)), Ok(0), "nobody sends it");
    assert_eq!(sender.send(&parameters), Err(ObjectError::Closed));
    receiver.stop();
    assert!(received.recv_encoded().await.is_none());
    while reader.read().await.is_some() {}
    assert!(sender.clear_transform().is_err() && receiver.set_transform(grown).is_err());
    assert_eq!(receiver.receive(&parameters), Err(ObjectError::Closed));
}

#[tokio::test]
async fn senders_of_connections_are_not_made_by_hand() {
    let (a, _b) = connections().await;
    let dtls = a.transceivers().remove(0).sender().transport().expect("negotiated");
    let track = LocalTrack::audio();
    assert_eq!(RtpSender::new(&track, &dtls).map(|_| ()), Err(ObjectError::Negotiated));
    assert_eq!(RtpReceiver::new(MediaKind::Audio, &dtls).map(|_| ()), Err(ObjectError::Negotiated));
    // What no peer knows is refused where it is named.
    let objects = Objects::new();
    let sender = RtpSender::new(&track, &objects.dtls).expect("by hand");
    let nothing = RtpCapabilities::default().parameters();
    assert!(matches!(sender.send(&nothing), Err(ObjectError::Media(_))));
    objects.ice.stop().expect("by hand");
    assert_eq!(sender.send(&nothing), Err(ObjectError::Closed));
}

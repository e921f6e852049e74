//! Data channels: as descriptions speak of them, and what crosses.

use super::*;
use bytes::Bytes;
use ortica::engine::{ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, Reliability};

fn text(text: &str) -> ChannelMessage {
    ChannelMessage { binary: false, data: Bytes::copy_from_slice(text.as_bytes()) }
}

fn binary(data: &[u8]) -> ChannelMessage {
    ChannelMessage { binary: true, data: Bytes::copy_from_slice(data) }
}

fn all_kinds() -> Vec<ChannelMessage> {
    vec![text("hello"), text(""), binary(&[0, 1, 2, 3]), binary(&[]), binary(&[255; 2_000])]
}

fn opens(pair: &mut Pair<Side>, count: usize) {
    pair.run_until(10 * SECOND, |a, b| a.opened.len() >= count && b.opened.len() >= count).expect("they open");
}

/// Text and bytes, empty ones too, arrive as they were sent, at a channel that has the label and the protocol.
fn messages_cross(mut pair: Pair<Side>) {
    opens(&mut pair, 1);
    let [a, b] = [&pair.a, &pair.b].map(|side| side.peer.session().channel_parameters(side.opened[0]).unwrap().clone());
    assert_eq!((b.label.as_str(), b.protocol.as_str()), ("chat", "bob"));
    assert_eq!(a, b);
    pair.a.queue.extend(all_kinds());
    pair.b.queue.extend(all_kinds());
    pair.run_until(10 * SECOND, |a, b| a.received.len() == 5 && b.received.len() == 5).unwrap();
    assert_eq!((&pair.a.received, &pair.b.received), (&all_kinds(), &all_kinds()));
    let id = pair.a.opened[0];
    pair.with_a(|a, now| a.peer.session_mut().close_channel(now, id));
    pair.run_until(10 * SECOND, |a, b| a.closed.len() == 1 && b.closed.len() == 1).unwrap();
}

fn chat() -> ChannelParameters {
    ChannelParameters { label: "chat".to_owned(), protocol: "bob".to_owned(), ..ChannelParameters::default() }
}

#[test]
fn aiortc_connect_datachannel_modern_sdp() {
    let mut pair = pair();
    pair.a.create_channel(now(), chat());
    let [offer, answer] = negotiate(&mut pair);
    for description in [&offer, &answer] {
        assert_eq!(lines(description, "m="), ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]);
        assert_eq!(lines(description, "a=sctp-port:"), ["a=sctp-port:5000"]);
    }
    messages_cross(pair);
}

/// Guards `Line::sctp_port`: who offers data channels as drafts wrote them is answered in those words.
#[test]
fn aiortc_connect_datachannel_legacy_sdp() {
    let mut pair = pair();
    pair.a.create_channel(now(), chat());
    let offer = pair.a.peer.create_offer(now()).unwrap();
    pair.a.peer.set_local_description(now(), offer).unwrap();
    let offer = without(&pair.a.peer.local_description().unwrap(), "a=sctp-init:");
    let legacy = changed(&offer, |line| {
        Some(match line {
            line if line.starts_with("m=") => "m=application 9 DTLS/SCTP 5000".to_owned(),
            "a=sctp-port:5000" => "a=sctpmap:5000 webrtc-datachannel 65535".to_owned(),
            line => line.to_owned(),
        })
    });
    pair.b.peer.set_remote_description(now(), legacy).unwrap();
    let answer = pair.b.peer.create_answer(now()).unwrap();
    pair.b.peer.set_local_description(now(), answer).unwrap();
    let answer = pair.b.peer.local_description().unwrap();
    sdp_grammar::assert_sound(&answer.sdp);
    assert_eq!(lines(&answer, "m="), ["m=application 9 DTLS/SCTP 5000"]);
    assert_eq!(lines(&answer, "a=sctpmap:"), ["a=sctpmap:5000 webrtc-datachannel 65535"]);
    assert!(lines(&answer, "a=sctp-port:").is_empty());
    assert_eq!(lines(&answer, "a=max-message-size:").len(), 1);
    // The offerer takes it, as one who made such an offer would.
    pair.a.peer.set_remote_description(now(), answer).unwrap();
    messages_cross(pair);
}

#[test]
fn aiortc_connect_datachannel_modern_sdp_negotiated() {
    let mut pair = pair();
    let parameters = ChannelParameters { negotiated: Some(100), ..chat() };
    pair.a.create_channel(now(), parameters.clone());
    pair.b.create_channel(now(), parameters);
    negotiate(&mut pair);
    opens(&mut pair, 1);
    assert_eq!(pair.a.peer.session().channel_stream(pair.a.opened[0]), Some(100));
    assert!(!pair.b.events.iter().any(|event| matches!(event, PeerEvent::DataChannel(_))), "nothing was announced");
    messages_cross(pair);
}

/// A channel that was closed before there was a connection never opens; the other does.
#[test]
fn aiortc_connect_datachannel_and_close_immediately() {
    for negotiated in [[None, None], [Some(100), Some(102)]] {
        let mut pair = pair();
        let [first, second] = negotiated.map(|negotiated| {
            pair.a.create_channel(now(), ChannelParameters { negotiated, ..ChannelParameters::default() })
        });
        if let Some(stream) = negotiated[1] {
            pair.b
                .create_channel(now(), ChannelParameters { negotiated: Some(stream), ..ChannelParameters::default() });
        }
        pair.a.peer.session_mut().close_channel(now(), first);
        assert_eq!(pair.a.peer.session().channel_state(first), ChannelState::Closed);
        assert_eq!(pair.a.peer.session().channel_state(second), ChannelState::Connecting);
        negotiate(&mut pair);
        opens(&mut pair, 1);
        assert_eq!(pair.a.opened, [second]);
        assert_eq!(pair.a.peer.session().channel_state(first), ChannelState::Closed);
    }
}

#[test]
fn aiortc_connect_datachannel_recycle_stream_id() {
    let mut pair = pair();
    let ids = [0, 1, 2].map(|_| pair.a.create_channel(now(), ChannelParameters::default()));
    negotiate(&mut pair);
    opens(&mut pair, 3);
    let streams = ids.map(|id| pair.a.peer.session().channel_stream(id).unwrap());
    assert_eq!([streams[1] - streams[0], streams[2] - streams[1]], [2, 2], "each side has every other stream");
    pair.with_a(|a, now| a.peer.session_mut().close_channel(now, ids[1]));
    pair.run_until(10 * SECOND, |a, b| a.closed.len() == 1 && b.closed.len() == 1).unwrap();
    let again = pair.with_a(|a, now| a.create_channel(now, ChannelParameters::default()));
    pair.run_until(10 * SECOND, |a, _| a.opened.contains(&again)).unwrap();
    assert_eq!(pair.a.peer.session().channel_stream(again), Some(streams[1]));
}

#[test]
fn aiortc_datachannel_send_invalid_state() {
    let mut side = side(1, Pair::<Side>::A);
    let id = side.create_channel(now(), ChannelParameters::default());
    let refused = side.peer.session_mut().send(now(), id, text("hello"));
    assert_eq!(refused, Err(ChannelSendError::NotOpen(ChannelState::Connecting)));
}

/// The other side learns how hard a channel tries, and messages cross.
#[test]
fn aiortc_connect_datachannel_of_each_reliability() {
    let kinds = [
        (true, Reliability::MaxPacketLifeTime(Duration::from_millis(500))),
        (true, Reliability::MaxRetransmits(0)),
        (false, Reliability::Reliable),
    ];
    for (ordered, reliability) in kinds {
        let mut pair = pair();
        pair.a.create_channel(now(), ChannelParameters { ordered, reliability, ..chat() });
        negotiate(&mut pair);
        opens(&mut pair, 1);
        let told = pair.b.peer.session().channel_parameters(pair.b.opened[0]).unwrap().clone();
        assert_eq!((told.ordered, told.reliability), (ordered, reliability));
        messages_cross(pair);
    }
}

/// A section for sound and one for channels, of a peer that bundles them.
#[test]
fn aiortc_set_remote_description_media_datachannel_bundled() {
    let mut pair = pair();
    add_track(&mut pair.a, MediaKind::Audio);
    pair.a.create_channel(now(), chat());
    let [offer, answer] = negotiate(&mut pair);
    assert_eq!(
        (lines(&offer, "a=group:"), lines(&answer, "a=group:")),
        (vec!["a=group:BUNDLE 0 1"], vec!["a=group:BUNDLE 0 1"])
    );
    assert!(lines(&answer, "m=").iter().all(|line| line.split(' ').nth(1) == Some("9")));
    messages_cross(pair);
}

/// Data channels that come later take the section there is.
#[test]
fn aiortc_channels_share_one_section() {
    let mut pair = pair();
    add_track(&mut pair.a, MediaKind::Audio);
    pair.a.create_channel(now(), ChannelParameters::default());
    let [offer, _] = negotiate(&mut pair);
    assert_eq!(sections(&offer).len(), 2);
    for side in [&mut pair.a, &mut pair.b] {
        side.create_channel(now(), ChannelParameters::default());
        assert_eq!(sections(&side.peer.create_offer(now()).unwrap()).len(), 2);
    }
}

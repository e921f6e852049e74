//! `RTCRtpSender-setStreams`: what the other side is told of the streams of a track.

use super::*;
use ortica::codecs::MediaKind::Audio;
use ortica::jsep::TransceiverError;

fn set_streams(pc: &mut Pc, id: TransceiverId, streams: &[&str]) -> Result<(), TransceiverError> {
    let streams: Vec<String> = streams.iter().map(|&stream| stream.to_owned()).collect();
    pc.peer().set_streams(id, &streams)
}

/// The transceivers whose track was told to have come, with the streams that it is part of.
fn told(pc: &mut Pc) -> Vec<(TransceiverId, Vec<String>)> {
    let tracks = pc.events().into_iter().filter_map(|event| match event {
        PeerEvent::Track(id) => Some(id),
        _ => None,
    });
    let tracks: Vec<TransceiverId> = tracks.collect();
    tracks.into_iter().map(|id| (id, pc.transceiver(id).remote_streams)).collect()
}

#[test]
fn wpt_rtc_rtp_sender_set_streams_streams_reported() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    set_streams(&mut a, id, &["one", "two"]).unwrap();
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    assert_eq!(told(&mut b), [(theirs, vec!["one".to_owned(), "two".to_owned()])]);
}

/// A stream is a name: the tracks that have it are in it.
#[test]
fn wpt_rtc_rtp_sender_set_streams_rebuild_stream() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    set_streams(&mut a, id, &["stream"]).unwrap();
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    assert_eq!(told(&mut b), [(theirs, vec!["stream".to_owned()])]);
    let members = b.transceivers().into_iter().filter(|state| state.remote_streams.contains(&"stream".to_owned()));
    assert_eq!(members.map(|state| state.id).collect::<Vec<_>>(), [theirs]);
}

#[test]
fn wpt_rtc_rtp_sender_set_streams_with_direction_change() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::Inactive);
    negotiate(&mut a, &mut b);
    assert_eq!(told(&mut b), [], "nothing is sent");
    a.peer().set_direction(id, Direction::SendRecv).unwrap();
    set_streams(&mut a, id, &["one", "two"]).unwrap();
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    assert_eq!(told(&mut b), [(theirs, vec!["one".to_owned(), "two".to_owned()])]);
}

#[test]
fn wpt_rtc_rtp_sender_set_streams_on_active_transceiver() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    assert_eq!(told(&mut b), [(theirs, Vec::new())]);
    let track = b.transceiver(theirs).remote_track;
    set_streams(&mut a, id, &["one", "two"]).unwrap();
    assert!(a.is_negotiation_needed());
    negotiate(&mut a, &mut b);
    assert_eq!(told(&mut b), [(theirs, vec!["one".to_owned(), "two".to_owned()])]);
    assert_eq!(b.transceiver(theirs).remote_track, track, "it is the same track");
}

#[test]
fn wpt_rtc_rtp_sender_set_streams_closed_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &["stream"]);
    pc.peer().close(now());
    assert_eq!(set_streams(&mut pc, id, &["other"]), Err(TransceiverError::Closed));
}

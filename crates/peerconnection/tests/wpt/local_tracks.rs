//! Tracks of this side and the handles that send them: `RTCPeerConnection-removeTrack`, and what `RTCPeerConnection-addTrack`,
//! `-addTransceiver`, `-transceivers`, `RTCRtpTransceiver`, `-stop`, `-stopping` and
//! `RTCPeerConnection-operations` and `RTCPeerConnection-setRemoteDescription-rollback` say of tracks.
//!
//! The ends of tracks are no tasks to come here: a track has ended when the call returns that ended it.

use super::{Direction, MediaKind, SessionDescription, TransceiverInit};
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::jsep::TransceiverError;
use ortica::{Event, Events, LocalTrack, PeerConnection, ReplaceTrackError, RtpSender, RtpTransceiver};

struct Connection {
    pc: PeerConnection,
    events: Events,
}

impl Connection {
    fn new() -> Self {
        let (pc, events) = super::sockets::connection_everywhere();
        Self { pc, events }
    }

    fn add_track(&self, kind: MediaKind) -> (LocalTrack, RtpSender) {
        let track = track(kind);
        let sender = self.pc.add_track(&track, &["stream"]).unwrap();
        (track, sender)
    }

    /// A transceiver that sends a track, made by `addTransceiver` or by `addTrack`.
    fn sending(&self, by_transceiver: bool) -> RtpTransceiver {
        match by_transceiver {
            true => self.pc.add_transceiver(&track(Audio), TransceiverInit::default()).unwrap(),
            false => self.add_track(Audio).1.transceiver(),
        }
    }

    fn offer(&self) -> SessionDescription {
        self.pc.set_local_description(None).unwrap();
        self.pc.local_description().unwrap()
    }

    async fn track(&mut self) -> RtpTransceiver {
        loop {
            match self.events.next().await.unwrap() {
                Event::Track(event) => return event.transceiver,
                _ => continue,
            }
        }
    }
}

fn track(kind: MediaKind) -> LocalTrack {
    match kind {
        Audio => LocalTrack::audio(),
        Video => LocalTrack::video(),
    }
}

fn negotiate(a: &PeerConnection, b: &PeerConnection) {
    a.set_local_description(None).unwrap();
    b.set_remote_description(a.local_description().unwrap()).unwrap();
    b.set_local_description(None).unwrap();
    a.set_remote_description(b.local_description().unwrap()).unwrap();
}

fn init(direction: Direction) -> TransceiverInit {
    TransceiverInit { direction, ..TransceiverInit::default() }
}

// --- addTransceiver, addTrack -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn wpt_rtc_peer_connection_add_transceiver_with_track() {
    for kind in [Audio, Video] {
        let Connection { pc, .. } = Connection::new();
        let track = track(kind);
        let transceiver = pc.add_transceiver(&track, TransceiverInit::default()).unwrap();
        assert_eq!(transceiver.sender().track(), Some(track));
        let remote = transceiver.receiver().track();
        assert_eq!((remote.kind(), remote.is_ended(), remote.is_muted()), (kind, false, true));
        assert_eq!(pc.transceivers(), [transceiver]);
    }
}

#[tokio::test]
async fn wpt_rtc_peer_connection_add_transceiver_same_track_twice() {
    let Connection { pc, .. } = Connection::new();
    let track = LocalTrack::audio();
    let both = [(); 2].map(|()| pc.add_transceiver(&track, TransceiverInit::default()).unwrap());
    assert_ne!(both[0].sender(), both[1].sender());
    assert!(both.iter().all(|it| it.sender().track().as_ref() == Some(&track)));
    assert_eq!(pc.transceivers(), both);
}

#[tokio::test]
async fn wpt_rtc_peer_connection_add_track_same_track_twice_rejects() {
    let Connection { pc, .. } = Connection::new();
    let track = LocalTrack::audio();
    pc.add_track(&track, &[]).unwrap();
    assert!(matches!(pc.add_track(&track, &["stream"]), Err(TransceiverError::TrackInUse(_))));
    assert_eq!(pc.transceivers().len(), 1);
}

#[tokio::test]
async fn wpt_rtc_peer_connection_add_track_reuses_unused_sender() {
    let Connection { pc, .. } = Connection::new();
    let transceiver = pc.add_transceiver(Audio, TransceiverInit::default()).unwrap();
    assert_eq!(pc.add_track(&LocalTrack::audio(), &[]).unwrap(), transceiver.sender());
    // That one has a track now.
    assert_ne!(pc.add_track(&LocalTrack::audio(), &[]).unwrap(), transceiver.sender());
    let given = pc.add_transceiver(Audio, TransceiverInit::default()).unwrap();
    given.sender().replace_track(Some(&LocalTrack::audio())).unwrap();
    assert_ne!(pc.add_track(&LocalTrack::audio(), &[]).unwrap(), given.sender());
}

#[tokio::test]
async fn wpt_rtc_peer_connection_transceivers_add_track_makes_transceiver() {
    for kind in [Audio, Video] {
        let connection = Connection::new();
        let (_, sender) = connection.add_track(kind);
        let [transceiver] = &connection.pc.transceivers()[..] else { panic!("one transceiver") };
        assert_eq!(transceiver.sender(), sender);
        assert_eq!(transceiver.receiver().transceiver(), *transceiver);
    }
}

#[tokio::test]
async fn wpt_rtc_peer_connection_transceivers_add_track_sender_track() {
    for kind in [Audio, Video] {
        let (track, sender) = Connection::new().add_track(kind);
        assert_eq!(sender.track(), Some(track));
        let remote = sender.transceiver().receiver().track();
        assert_eq!((remote.kind(), remote.is_muted()), (kind, true));
    }
}

#[tokio::test]
async fn wpt_rtc_peer_connection_transceivers_add_transceiver_track() {
    for kind in [Audio, Video] {
        let Connection { pc, .. } = Connection::new();
        let track = track(kind);
        let transceiver = pc.add_transceiver(&track, TransceiverInit::default()).unwrap();
        assert_eq!((transceiver.sender().track(), pc.transceivers()), (Some(track), vec![transceiver]));
    }
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_add_transceiver_with_track() {
    let Connection { pc, .. } = Connection::new();
    for kind in [Audio, Video] {
        let track = track(kind);
        let transceiver = pc.add_transceiver(&track, TransceiverInit::default()).unwrap();
        assert_eq!((transceiver.sender().track(), transceiver.direction()), (Some(track), Direction::SendRecv));
        assert_eq!((transceiver.mid(), transceiver.current_direction()), (None, None));
    }
    assert_eq!(pc.transceivers().iter().map(RtpTransceiver::kind).collect::<Vec<_>>(), [Audio, Video]);
}

// --- which transceiver an offer takes ---------------------------------------------------------------------------------------

/// An offer that receives and sends sound.
fn offered() -> SessionDescription {
    let other = Connection::new();
    other.add_track(Audio);
    other.offer()
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_track_tc_does_not_pair() {
    let Connection { pc, .. } = Connection::new();
    let waiting = pc.add_transceiver(&LocalTrack::audio(), TransceiverInit::default()).unwrap();
    pc.set_remote_description(offered()).unwrap();
    let all = pc.transceivers();
    assert_eq!((all.len(), waiting.mid(), all[1].sender().track()), (2, None, None));
    assert!(all[1].mid().is_some());
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_replace_track_does_not_pair() {
    let Connection { pc, .. } = Connection::new();
    let waiting = pc.add_transceiver(Audio, TransceiverInit::default()).unwrap();
    waiting.sender().replace_track(Some(&LocalTrack::audio())).unwrap();
    pc.set_remote_description(offered()).unwrap();
    assert_eq!((pc.transceivers().len(), waiting.mid()), (2, None));
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_replace_null_still_pairs() {
    let connection = Connection::new();
    let (_, sender) = connection.add_track(Audio);
    sender.replace_track(None).unwrap();
    connection.pc.set_remote_description(offered()).unwrap();
    assert_eq!(connection.pc.transceivers(), [sender.transceiver()]);
    assert!(sender.transceiver().mid().is_some());
}

#[tokio::test]
async fn wpt_rtc_peer_connection_set_remote_description_rollback_keeps_tc_without_track() {
    let Connection { pc, .. } = Connection::new();
    pc.set_remote_description(offered()).unwrap();
    let sender = pc.add_track(&LocalTrack::audio(), &[]).unwrap();
    assert_eq!(pc.transceivers(), [sender.transceiver()]);
    sender.replace_track(None).unwrap();
    pc.set_remote_description(SessionDescription::rollback()).unwrap();
    assert_eq!(pc.transceivers(), [sender.transceiver()]);
    assert_eq!(sender.transceiver().mid(), None);
}

// --- stopping ---------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_stop_sequence_local() {
    let (a, b) = (Connection::new(), Connection::new());
    let transceiver = a.add_track(Audio).1.transceiver();
    b.add_track(Audio);
    negotiate(&a.pc, &b.pc);
    let remote = transceiver.receiver().track();
    assert!(!remote.is_ended());
    for _ in 0..2 {
        transceiver.stop().unwrap();
        assert!(transceiver.is_stopping() && !transceiver.is_stopped());
        assert_eq!(transceiver.current_direction(), Some(Direction::SendRecv));
        assert_eq!(a.pc.transceivers(), std::slice::from_ref(&transceiver));
        assert!(remote.is_ended() && remote.recv_encoded().await.is_none());
    }
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_stopping_local_stop_ends_track() {
    for kind in [Audio, Video] {
        let connection = Connection::new();
        let transceiver = connection.add_track(kind).1.transceiver();
        let remote = transceiver.receiver().track();
        assert!(!remote.is_ended());
        transceiver.stop().unwrap();
        assert!(remote.is_ended() && remote.recv_encoded().await.is_none());
    }
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_stopping_rollback_keeps_track() {
    for kind in [Audio, Video] {
        let connection = Connection::new();
        let remote = connection.add_track(kind).1.transceiver().receiver().track();
        connection.offer();
        connection.pc.set_local_description(SessionDescription::rollback()).unwrap();
        assert!(!remote.is_ended());
    }
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_stopping_rollback_removal_ends_track() {
    for kind in [Audio, Video] {
        let (a, mut b) = (Connection::new(), Connection::new());
        a.add_track(kind);
        b.pc.set_remote_description(a.offer()).unwrap();
        let remote = b.track().await.receiver().track();
        assert!(!remote.is_ended());
        b.pc.set_remote_description(SessionDescription::rollback()).unwrap();
        assert!(remote.is_ended() && remote.recv_encoded().await.is_none());
    }
}

#[tokio::test]
async fn wpt_rtc_rtp_transceiver_stopping_glare_keeps_track() {
    for kind in [Audio, Video] {
        let (a, mut b) = (Connection::new(), Connection::new());
        a.add_track(kind);
        let transceiver = b.add_track(kind).1.transceiver();
        let remote = transceiver.receiver().track();
        b.offer();
        b.pc.set_remote_description(a.offer()).unwrap();
        assert_eq!(b.track().await, transceiver);
        assert!(!remote.is_ended());
    }
}

// --- removeTrack ------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_closed_rejects() {
    for by_transceiver in [true, false] {
        let connection = Connection::new();
        let sender = connection.sending(by_transceiver).sender();
        connection.pc.close().await;
        assert_eq!(connection.pc.remove_track(&sender), Err(TransceiverError::Closed));
    }
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_other_closed_pc_rejects() {
    for by_transceiver in [true, false] {
        let (a, b) = (Connection::new(), Connection::new());
        let sender = a.sending(by_transceiver).sender();
        b.pc.close().await;
        assert_eq!(b.pc.remove_track(&sender), Err(TransceiverError::Closed));
    }
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_foreign_sender_rejects() {
    for by_transceiver in [true, false] {
        let (a, b) = (Connection::new(), Connection::new());
        let sender = a.sending(by_transceiver).sender();
        b.sending(by_transceiver);
        assert_eq!(b.pc.remove_track(&sender), Err(TransceiverError::ForeignSender));
        assert!(sender.track().is_some());
    }
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_sets_track_null() {
    for by_transceiver in [true, false] {
        let connection = Connection::new();
        let transceiver = connection.sending(by_transceiver);
        connection.pc.remove_track(&transceiver.sender()).unwrap();
        assert_eq!((transceiver.sender().track(), transceiver.direction()), (None, Direction::RecvOnly));
        assert_eq!(transceiver.current_direction(), None);
    }
}

/// Agrees on a transceiver that is to have one direction, removes its track, and tells its directions.
fn removed_when(direction: Direction) -> (Direction, Option<Direction>) {
    let (a, b) = (Connection::new(), Connection::new());
    let transceiver = a.pc.add_transceiver(&LocalTrack::audio(), init(direction)).unwrap();
    b.pc.set_remote_description(a.offer()).unwrap();
    b.pc.transceivers()[0].set_direction(Direction::SendRecv).unwrap();
    b.pc.set_local_description(None).unwrap();
    a.pc.set_remote_description(b.pc.local_description().unwrap()).unwrap();
    assert_eq!(transceiver.current_direction(), Some(direction));
    a.pc.remove_track(&transceiver.sender()).unwrap();
    assert_eq!(transceiver.sender().track(), None);
    (transceiver.direction(), transceiver.current_direction())
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_negotiated_sendrecv() {
    assert_eq!(removed_when(Direction::SendRecv), (Direction::RecvOnly, Some(Direction::SendRecv)));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_negotiated_sendonly() {
    assert_eq!(removed_when(Direction::SendOnly), (Direction::Inactive, Some(Direction::SendOnly)));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_negotiated_recvonly() {
    assert_eq!(removed_when(Direction::RecvOnly), (Direction::RecvOnly, Some(Direction::RecvOnly)));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_negotiated_inactive() {
    assert_eq!(removed_when(Direction::Inactive), (Direction::Inactive, Some(Direction::Inactive)));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_stopped_tc_noop() {
    let connection = Connection::new();
    let (track, sender) = connection.add_track(Audio);
    sender.transceiver().stop().unwrap();
    connection.pc.remove_track(&sender).unwrap();
    assert_eq!(sender.track(), Some(track));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_remove_track_null_track_noop() {
    let connection = Connection::new();
    let (_, sender) = connection.add_track(Audio);
    sender.replace_track(None).unwrap();
    connection.pc.remove_track(&sender).unwrap();
    assert_eq!(sender.transceiver().direction(), Direction::SendRecv);
}

// --- statistics -------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn wpt_rtc_peer_connection_operations_get_stats_foreign_track_sync_error() {
    let (a, b) = (Connection::new(), Connection::new());
    let (track, _) = a.add_track(Audio);
    b.add_track(Audio);
    assert!(a.pc.get_stats_of(&track).is_ok());
    assert_eq!(b.pc.get_stats_of(&track), Err(ortica::SelectorError::Foreign));
}

#[tokio::test]
async fn wpt_rtc_peer_connection_operations_replace_track_stopped_sync_error() {
    let connection = Connection::new();
    let transceiver = connection.sending(true);
    let sent = transceiver.sender().track();
    transceiver.stop().unwrap();
    for track in [None, Some(&LocalTrack::audio())] {
        assert_eq!(transceiver.sender().replace_track(track), Err(ReplaceTrackError::Stopped));
    }
    assert_eq!(transceiver.sender().track(), sent);
}

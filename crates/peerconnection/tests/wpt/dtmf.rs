//! `RTCDTMFSender-*`, in virtual time.

use super::*;
use common::exchange;
use netsim::Link;
use ortica::ConnectionState;
use ortica::codecs::EncodedFrame;
use ortica::engine::{DtmfError, SendFrameError};
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);
const DURATION: Duration = Duration::from_millis(100);
const GAP: Duration = Duration::from_millis(70);

struct Call {
    pair: Pair<Side>,
    id: TransceiverId,
}

impl Call {
    fn new() -> Self {
        Self::with_codecs(vec![Codec::Opus, Codec::Pcmu])
    }

    fn with_codecs(codecs: Vec<Codec>) -> Self {
        Self::over(1, Link::with_delay(20 * MILLI), codecs)
    }

    fn over(seed: u64, link: Link, codecs: Vec<Codec>) -> Self {
        let (mut a, mut b) = (Side::new(1, Pair::<Side>::A), Side::new(2, Pair::<Side>::B));
        a.peer.set_codecs(codecs.clone());
        b.peer.set_codecs(codecs);
        let id = a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
        exchange(now(), &mut a, &mut b);
        let mut pair = Pair::new(seed, link, a, b);
        let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
        pair.run_until(Duration::from_secs(30), |a, b| connected(a) && connected(b)).expect("connects");
        Self { pair, id }
    }

    fn insert(&mut self, tones: &str) -> Result<(), DtmfError> {
        self.insert_with(tones, DURATION, GAP)
    }

    fn insert_with(&mut self, tones: &str, duration: Duration, gap: Duration) -> Result<(), DtmfError> {
        let id = self.id;
        self.pair.with_a(|a, now| a.peer.insert_dtmf(now, id, tones, duration, gap))
    }

    fn buffer(&self) -> String {
        self.pair.a.peer.tone_buffer(self.id)
    }

    /// Tones told since the last call.
    fn told(&mut self) -> Vec<Option<char>> {
        self.pair.run_for(Duration::ZERO);
        let of_tone = |event| match event {
            PeerEvent::ToneChange(id, tone) => Some((id, tone)),
            _ => None,
        };
        let told: Vec<_> = self.pair.a.events.drain(..).filter_map(of_tone).collect();
        assert!(told.iter().all(|(id, _)| *id == self.id));
        told.into_iter().map(|(_, tone)| tone).collect()
    }

    /// Goes on until `tone` is told, for ten seconds at most; all that was told, with the milliseconds since the call.
    fn listen_until(&mut self, tone: Option<char>) -> Vec<(u128, Option<char>)> {
        let begun = self.pair.now();
        let mut heard = Vec::new();
        for _ in 0..2_000 {
            let at = self.pair.now().saturating_duration_since(begun).as_millis();
            heard.extend(self.told().into_iter().map(|tone| (at, tone)));
            if heard.last().is_some_and(|(_, last)| *last == tone) {
                break;
            }
            self.pair.run_for(5 * MILLI);
        }
        heard
    }

    fn listen(&mut self) -> Vec<(u128, Option<char>)> {
        self.listen_until(None)
    }

    /// What is told within ten seconds.
    fn wait(&mut self) -> Vec<Option<char>> {
        self.pair.run_for(Duration::from_secs(10));
        self.told()
    }

    fn set_direction(&mut self, direction: Direction) {
        self.pair.a.peer.set_direction(self.id, direction).unwrap();
        let now = self.pair.now();
        exchange(now, &mut self.pair.a, &mut self.pair.b);
    }
}

// --- insertDTMF ---------------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_dtmf_sender_insert_dtmf_valid_tones() {
    let mut call = Call::new();
    call.insert("0123456789ABCDabcd#*,").unwrap();
    call.insert("").unwrap();
}

#[test]
fn wpt_rtc_dtmf_sender_insert_dtmf_invalid_tones_rejected() {
    let mut call = Call::new();
    for (tones, wrong) in [("E", 'E'), ("1F", 'F'), (" ", ' '), ("12é", 'é')] {
        assert_eq!(call.insert(tones), Err(DtmfError::InvalidCharacter(wrong)));
    }
    assert_eq!(call.buffer(), "");
}

#[test]
fn wpt_rtc_dtmf_sender_insert_dtmf_stopped_rejects() {
    let mut call = Call::new();
    call.pair.a.peer.stop_transceiver(call.id).unwrap();
    assert_eq!(call.insert("1"), Err(DtmfError::InvalidState));
}

#[test]
fn wpt_rtc_dtmf_sender_insert_dtmf_recvonly_rejects() {
    let mut call = Call::new();
    let back = call.pair.b.peer.transceivers()[0].id;
    call.pair.b.peer.set_direction(back, Direction::SendRecv).unwrap();
    call.set_direction(Direction::RecvOnly);
    assert_eq!(call.pair.a.peer.transceiver(call.id).unwrap().current_direction, Some(Direction::RecvOnly));
    assert_eq!((call.insert("1"), call.insert("")), (Err(DtmfError::InvalidState), Err(DtmfError::InvalidState)));
}

#[test]
fn wpt_rtc_dtmf_sender_insert_dtmf_inactive_rejects() {
    let mut call = Call::new();
    call.set_direction(Direction::Inactive);
    assert_eq!(call.insert("1"), Err(DtmfError::InvalidState));
}

#[test]
fn wpt_rtc_dtmf_sender_insert_dtmf_buffer_replaced() {
    let mut call = Call::new();
    call.insert("1").unwrap();
    call.insert("23abc").unwrap();
    assert_eq!(call.buffer(), "23ABC");
}

#[test]
fn wpt_rtc_dtmf_sender_insert_dtmf_after_remove_and_close_rejects() {
    let mut call = Call::new();
    call.insert("123").unwrap();
    let now = call.pair.now();
    call.pair.a.peer.close(now);
    assert_eq!(call.buffer(), "");
    assert_eq!(call.insert(""), Err(DtmfError::InvalidState));
    assert!(!call.pair.a.peer.can_insert_dtmf(call.id));
}

// --- ontonechange -------------------------------------------------------------------------------------------------------

#[cfg(feature = "tokio")]
#[test]
fn wpt_rtc_dtmf_sender_ontonechange_default_timing() {
    use ortica::DtmfSender;
    let mut call = Call::new();
    call.insert_with("123", DtmfSender::DURATION, DtmfSender::GAP).unwrap();
    assert_eq!(call.buffer(), "23");
    assert_eq!(call.listen(), [(0, Some('1')), (170, Some('2')), (340, Some('3')), (510, None)]);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_explicit_timing() {
    let mut call = Call::new();
    call.insert_with("abc", DURATION, GAP).unwrap();
    assert_eq!(call.listen(), [(0, Some('A')), (170, Some('B')), (340, Some('C')), (510, None)]);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_empty_string_silent() {
    let mut call = Call::new();
    call.insert("").unwrap();
    assert_eq!(call.wait(), []);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_duration_minimum() {
    let mut call = Call::new();
    call.insert_with("ABC", 10 * MILLI, GAP).unwrap();
    assert_eq!(call.listen(), [(0, Some('A')), (110, Some('B')), (220, Some('C')), (330, None)]);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_gap_minimum() {
    let mut call = Call::new();
    call.insert_with("ABC", DURATION, 10 * MILLI).unwrap();
    assert_eq!(call.listen(), [(0, Some('A')), (130, Some('B')), (260, Some('C')), (390, None)]);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_comma_delay() {
    let mut call = Call::new();
    call.insert("A,B").unwrap();
    assert_eq!(call.listen(), [(0, Some('A')), (170, Some(',')), (2_170, Some('B')), (2_340, None)]);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_stop_cancels() {
    let mut call = Call::new();
    call.insert("ABC").unwrap();
    assert_eq!(call.listen_until(Some('B')).len(), 2);
    call.pair.a.peer.stop_transceiver(call.id).unwrap();
    assert_eq!((call.wait(), call.buffer()), (Vec::new(), String::new()));
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_replaced_midway() {
    let mut call = Call::new();
    call.insert("ABC").unwrap();
    call.listen_until(Some('B'));
    call.insert("12").unwrap();
    assert_eq!(call.listen(), [(170, Some('1')), (340, Some('2')), (510, None)]);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_last_insert_wins() {
    let mut call = Call::new();
    call.insert("ABC").unwrap();
    call.listen_until(Some('B'));
    call.insert("12").unwrap();
    call.insert("34").unwrap();
    assert_eq!(call.listen(), [(170, Some('3')), (340, Some('4')), (510, None)]);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_cleared_midway() {
    let mut call = Call::new();
    call.insert("ABC").unwrap();
    call.listen_until(Some('B'));
    call.insert("").unwrap();
    assert_eq!(call.listen(), [(170, None)]);
    assert_eq!(call.wait(), []);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_direction_cancels() {
    let mut call = Call::new();
    call.insert("ABC").unwrap();
    call.listen_until(Some('B'));
    call.set_direction(Direction::Inactive);
    assert_eq!((call.wait(), call.buffer()), (Vec::new(), String::new()));
    // What was cancelled does not go on when there is a way again.
    call.set_direction(Direction::SendRecv);
    assert!(call.pair.a.peer.can_insert_dtmf(call.id));
    assert_eq!(call.wait(), []);
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_first_tone_queued() {
    let mut call = Call::new();
    call.insert("1").unwrap();
    assert_eq!(call.told(), [Some('1')], "told with the next turn of the loop");
}

#[test]
fn wpt_rtc_dtmf_sender_ontonechange_long_duration_maximum() {
    let mut call = Call::new();
    call.insert_with("A", 8_000 * MILLI, GAP).unwrap();
    assert_eq!(call.listen(), [(0, Some('A')), (6_070, None)]);
}

/// Guards: a gap is no longer than a tone may be.
#[test]
fn a_gap_has_a_maximum() {
    let mut call = Call::new();
    call.insert_with("A", DURATION, 8_000 * MILLI).unwrap();
    assert_eq!(call.listen(), [(0, Some('A')), (6_100, None)]);
}

/// Guards: an encoding that is not active sends no tones.
#[test]
fn what_is_not_active_takes_no_tones() {
    let mut call = Call::new();
    for active in [false, true] {
        let id = call.id;
        call.pair.with_a(|a, now| {
            let mut parameters = a.peer.sender_parameters(id).unwrap();
            parameters.encodings[0].active = active;
            a.peer.set_sender_parameters(now, id, parameters).unwrap();
        });
        assert_eq!(call.pair.a.peer.can_insert_dtmf(id), active);
        assert_eq!(call.insert("1"), if active { Ok(()) } else { Err(DtmfError::InvalidState) });
    }
}

// --- on the wire --------------------------------------------------------------------------------------------------------

/// Guards: events go with a codec of their clock rate, and each rate is offered.
#[test]
fn events_are_negotiated_at_the_rates_of_the_codecs() {
    for (codecs, rates) in [(vec![Codec::Opus, Codec::Pcmu], vec![48_000, 8_000]), (vec![Codec::Pcmu], vec![8_000])] {
        let mut call = Call::with_codecs(codecs);
        let codecs = call.pair.a.peer.sender_parameters(call.id).unwrap().codecs;
        let events = codecs.iter().filter(|it| it.codec.mime_type == "audio/telephone-event");
        assert_eq!(events.map(|it| it.codec.clock_rate).collect::<Vec<_>>(), rates);
        call.insert("1").unwrap();
    }
}

/// Guards: without an agreement on events there are no tones.
#[test]
fn without_telephone_events_no_tone_is_sent() {
    let mut call = Call::new();
    call.pair.a.peer.set_codec_preferences(call.id, &[Codec::Opus.into()]).unwrap();
    let now = call.pair.now();
    exchange(now, &mut call.pair.a, &mut call.pair.b);
    assert_eq!(call.insert("1"), Err(DtmfError::InvalidState));
}

/// Guards: a tone takes the place of sound, in the same stream and on its clock.
#[test]
fn a_tone_takes_the_place_of_sound() {
    let mut call = Call::with_codecs(vec![Codec::Pcmu]);
    let id = call.id;
    let sound = |number: i64| EncodedFrame::new(Codec::Pcmu, vec![7; 160], number * 160).with_duration(160);
    let mut refused = 0;
    for number in 0..50 {
        if number == 10 {
            call.insert("5").unwrap();
        }
        let sent = call.pair.with_a(|a, now| a.peer.send_frame(now, id, &sound(number)));
        refused += usize::from(sent == Err(SendFrameError::Tone));
        call.pair.run_for(20 * MILLI);
    }
    assert_eq!(refused, 5, "a tenth of a second");
    call.pair.run_for(Duration::from_secs(1));
    let sender = call.pair.a.peer.transceiver(id).unwrap().sender.unwrap();
    let stats = call.pair.a.peer.session().sender_stats(sender).unwrap();
    // Five packets while it was held, the last of them as it ended, and that twice more.
    assert_eq!((stats.packets_sent, stats.frames_sent), (45 + 7, 45));
    let theirs = call.pair.b.peer.transceivers()[0].receiver.unwrap();
    let received = call.pair.b.peer.session().receiver_stats(theirs).unwrap();
    assert_eq!((received.frames_received, received.packets_received, received.packets_lost), (45, 45 + 7, 0));
    assert_eq!(received.bytes_received, stats.bytes_sent, "bytes of events count too");
}

// --- the other side -----------------------------------------------------------------------------------------------------

/// Guards the timestamp of a key, which all its packets share, and its clock, which is that of the sound: keys are told to the
/// other side, each once and with how long it was held, also where no sound comes at all.
#[test]
fn pay_6_keys_arrive_whole_at_either_clock_rate() {
    for codecs in [vec![Codec::Opus, Codec::Pcmu], vec![Codec::Pcmu]] {
        let mut call = Call::with_codecs(codecs);
        call.insert_with("1#", 100 * MILLI, GAP).unwrap();
        call.pair.run_for(Duration::from_secs(1));
        call.insert_with("d", 6_000 * MILLI, GAP).unwrap();
        call.pair.run_for(Duration::from_secs(7));
        let theirs = call.pair.b.peer.transceivers()[0].id;
        let tones: Vec<_> = std::iter::from_fn(|| call.pair.b.peer.read_tone(theirs)).collect();
        let held: Vec<_> = tones.iter().map(|tone| (tone.tone, tone.duration)).collect();
        assert_eq!(held, [(Some('1'), 100 * MILLI), (Some('#'), 100 * MILLI), (Some('D'), 6_000 * MILLI)]);
    }
}

/// Guards the stream that keys begin where no sound came before them: browsers send keys first, and their packets count.
#[test]
fn keys_that_come_before_any_sound_are_counted() {
    let mut call = Call::new();
    call.insert_with("1", DURATION, GAP).unwrap();
    call.pair.run_for(Duration::from_secs(1));
    let sender = call.pair.a.peer.transceiver(call.id).unwrap().sender.unwrap();
    let sent = call.pair.a.peer.session().sender_stats(sender).unwrap();
    let theirs = call.pair.b.peer.transceivers()[0].receiver.unwrap();
    let received = call.pair.b.peer.session().receiver_stats(theirs).unwrap();
    assert_eq!((sent.packets_sent, sent.frames_sent), (7, 0));
    assert_eq!((received.packets_received, received.packets_lost, received.frames_received), (7, 0, 0));
    assert_eq!(received.bytes_received, sent.bytes_sent);
}

/// Guards `HeardTones`: each key that is played is heard once, and for as long, whatever gets lost of it.
#[test]
fn keys_that_are_played_are_heard_on_the_other_side() {
    for seed in 0..5 {
        let mut call = Call::over(seed, Link::with_delay(20 * MILLI).lossy(0.05), vec![Codec::Pcmu]);
        call.insert_with("12#D", DURATION, GAP).unwrap();
        call.pair.run_for(Duration::from_secs(2));
        let to = call.pair.b.peer.transceivers()[0].id;
        let heard: Vec<_> = std::iter::from_fn(|| call.pair.b.peer.read_tone(to)).collect();
        let keys: String = heard.iter().filter_map(|it| it.tone).collect();
        assert_eq!(keys, "12#D", "seed {seed}: {heard:?}");
        assert!(heard.iter().all(|it| it.duration <= DURATION && it.duration >= 40 * MILLI), "seed {seed}: {heard:?}");
        assert!(heard.iter().filter(|it| it.duration == DURATION).count() >= 3, "seed {seed}: {heard:?}");
        assert!(heard.windows(2).all(|pair| pair[0].timestamp.precedes(pair[1].timestamp)), "seed {seed}: {heard:?}");
    }
}

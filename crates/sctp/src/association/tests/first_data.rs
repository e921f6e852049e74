//! Data beside COOKIE ECHO (RFC 9260 §5.1 C): once, whole and in order, whatever becomes of the handshake.

use super::*;
use crate::association::timer::Timer;
use crate::{Reliability, Undelivered};

const LATER: Instant = Instant::from_nanos(1_003_000_000_000);

/// `a` has the peer's cookie, and has not sent it yet.
fn answered(config: Config) -> (Association, Association) {
    let (mut a, mut b) = (association(config.clone(), 1), association(config, 2));
    a.connect(NOW);
    carry(NOW, &mut a, &mut b);
    carry(NOW, &mut b, &mut a);
    assert_eq!(events(&mut a), [Event::CookieEchoed]);
    (a, b)
}

fn carry(now: Instant, from: &mut Association, to: &mut Association) {
    drain(now, from).iter().for_each(|packet| to.handle_packet(now, packet));
}

/// Carries packets until neither has any, acknowledgements that wait for company included.
fn finish(now: Instant, a: &mut Association, b: &mut Association) {
    exchange(now, a, b);
    let later = now + 100 * MS;
    b.handle_timeout(later);
    exchange(later, a, b);
}

fn say(association: &mut Association, stream: u16, text: &'static str) {
    let payload = Bytes::from_static(text.as_bytes());
    association.send(NOW, StreamId(stream), Ppid::STRING, payload, SendOptions::default()).unwrap();
}

/// What it can read on `stream`.
fn heard(association: &mut Association, stream: u16) -> Vec<Bytes> {
    std::iter::from_fn(|| association.read(StreamId(stream))).map(|message| message.payload).collect()
}

/// Guards what it is for: what is sent as soon as the peer has answered arrives with the cookie, and is acknowledged with it.
#[test]
fn data_go_behind_the_cookie_and_are_acknowledged_with_it() {
    for interleaving in [false, true] {
        let (mut a, mut b) = answered(config().with_interleaving(interleaving));
        say(&mut a, 1, "first");
        say(&mut a, 2, "other stream");
        say(&mut a, 1, "second");
        let echo = drain(NOW, &mut a);
        let data = if interleaving { ChunkType::I_DATA } else { ChunkType::DATA };
        assert_eq!((echo.len(), kinds(&echo)), (1, vec![ChunkType::COOKIE_ECHO, data, data, data]));
        echo.iter().for_each(|packet| b.handle_packet(NOW, packet));
        assert_eq!(heard(&mut b, 1), ["first", "second"]);
        assert_eq!(heard(&mut b, 2), ["other stream"]);
        assert!(!a.is_connected() && !a.is_drained());
        let answer = drain(NOW, &mut b);
        assert_eq!(kinds(&answer), [ChunkType::COOKIE_ACK, ChunkType::SACK]);
        answer.iter().for_each(|packet| a.handle_packet(NOW, packet));
        assert!(a.is_connected() && a.is_drained());
        assert_eq!(a.stats().data_chunks_sent, 3);
        assert!(!a.is_set(Timer::Retransmit) && !a.is_set(Timer::Probe));
    }
}

/// Guards the rule that nothing else is sent before COOKIE ACK: the rest of a long message waits for it, and so does what is
/// said after COOKIE ECHO left.
#[test]
fn one_packet_goes_before_cookie_ack() {
    let (mut a, mut b) = answered(config());
    send(&mut a, 5_000);
    let echo = drain(NOW, &mut a);
    assert_eq!(kinds(&echo), [ChunkType::COOKIE_ECHO, ChunkType::DATA]);
    assert!(echo[0].len() <= Config::DEFAULT_MAX_PACKET_SIZE && echo[0].len() > 1_150, "{}", echo[0].len());
    say(&mut a, 2, "too late");
    assert!(drain(NOW, &mut a).is_empty());
    echo.iter().for_each(|packet| b.handle_packet(NOW, packet));
    exchange(NOW, &mut a, &mut b);
    assert_eq!(heard(&mut b, 1), [vec![7u8; 5_000]]);
    assert_eq!(heard(&mut b, 2), ["too late"]);
}

/// Guards what is lost with the cookie, or seems to be since COOKIE ACK is: it goes again with the cookie, what was said since goes
/// along, and the peer hears it once.
#[test]
fn data_are_repeated_with_the_cookie_and_heard_once() {
    for lost_answer in [false, true] {
        let (mut a, mut b) = answered(config());
        say(&mut a, 1, "first");
        let echo = drain(NOW, &mut a);
        if lost_answer {
            echo.iter().for_each(|packet| b.handle_packet(NOW, packet));
            drain(NOW, &mut b);
        }
        say(&mut a, 1, "second");
        a.handle_timeout(LATER);
        let again = drain(LATER, &mut a);
        assert_eq!((again.len(), kinds(&again)[0]), (1, ChunkType::COOKIE_ECHO));
        assert_eq!(kinds(&again)[1..], [ChunkType::DATA; 2]);
        again.iter().for_each(|packet| b.handle_packet(LATER, packet));
        exchange(LATER, &mut a, &mut b);
        assert!(a.is_connected() && a.is_drained());
        assert_eq!(heard(&mut b, 1), ["first", "second"]);
        assert_eq!(b.stats().duplicates_received, u64::from(lost_answer));
        assert_eq!(a.stats().data_chunks_retransmitted, 1);
    }
}

/// Guards data that a peer takes the cookie of and drops, or whose SACK is lost: they have a timer of their own from COOKIE ACK on.
#[test]
fn data_that_only_the_cookie_survived_are_sent_again() {
    let (mut a, mut b) = answered(config());
    say(&mut a, 1, "first");
    let echo = chunks(&drain(NOW, &mut a));
    let alone = packet(b.tag, &echo[..1]);
    b.handle_packet(NOW, &alone);
    carry(NOW, &mut b, &mut a);
    assert!(a.is_connected() && !a.is_drained());
    let due = a.timers.get(Timer::Retransmit as usize).unwrap();
    assert!(due <= NOW + 2_000 * MS);
    a.handle_timeout(due);
    exchange(due, &mut a, &mut b);
    assert_eq!(heard(&mut b, 1), ["first"]);
    assert!(a.is_drained());
}

/// Guards data whose cookie was too old: none of them was taken, and all of them go with the next, in their order, with what was said
/// since behind them.
#[test]
fn data_of_a_stale_cookie_go_with_the_next() {
    for interleaving in [false, true] {
        let (mut a, mut b) = answered(config().with_interleaving(interleaving));
        say(&mut a, 1, "first");
        say(&mut a, 2, "other stream");
        send(&mut a, 3_000);
        let late = NOW + 61 * 1_000 * MS;
        let echo = drain(NOW, &mut a);
        assert_eq!(a.buffered_amount(StreamId(2)), 0);
        say(&mut a, 1, "last");
        echo.iter().for_each(|packet| b.handle_packet(late, packet));
        assert!(!b.is_connected());
        carry(late, &mut b, &mut a);
        assert_eq!(a.buffered_amount(StreamId(2)), "other stream".len());
        assert_eq!(a.buffered_amount(StreamId(1)), "firstlast".len() + 3_000);
        finish(late, &mut a, &mut b);
        assert_eq!(events(&mut a).iter().filter(|event| **event == Event::CookieEchoed).count(), 1);
        assert!(a.is_connected() && a.is_drained());
        assert_eq!(heard(&mut b, 1), [Bytes::from("first"), vec![7u8; 3_000].into(), "last".into()]);
        assert_eq!(heard(&mut b, 2), ["other stream"]);
        assert_eq!((a.queue.held(), a.unacknowledged()), (0, Undelivered::default()));
    }
}

/// Guards action B of §5.2.4: the peer forgot that it had answered and began itself, so that it has nothing of what went to the
/// one before.
#[test]
fn data_go_to_the_peer_that_began_anew() {
    let (mut a, _) = answered(config());
    say(&mut a, 1, "first");
    drain(NOW, &mut a);
    let mut again = association(config(), 3);
    again.connect(LATER);
    carry(LATER, &mut again, &mut a);
    exchange(LATER, &mut a, &mut again);
    assert!(a.is_connected() && again.is_connected() && a.is_drained());
    assert_eq!(heard(&mut again, 1), ["first"]);
}

/// Guards the account of what was sent and never answered.
#[test]
fn data_behind_a_cookie_that_nobody_answers_count_as_undelivered() {
    let (mut a, _) = answered(config().with_max_init_retransmits(1));
    say(&mut a, 1, "first");
    drain(NOW, &mut a);
    assert_eq!(a.unacknowledged(), Undelivered { messages: 1, bytes: 5 });
    while let Some(at) = a.poll_timeout() {
        a.handle_timeout(at);
        drain(at, &mut a);
    }
    assert_eq!(events(&mut a).last(), Some(&Event::Closed(CloseReason::ConnectTimeout)));
    assert_eq!(a.take_undelivered(StreamId(1)), Undelivered { messages: 1, bytes: 5 });
    assert_eq!(a.stats().data_chunks_sent, 2);
}

/// Guards messages that may get lost: one without retransmissions is not repeated with the cookie, and nobody waits for it.
#[test]
fn a_message_without_retransmissions_goes_with_one_cookie() {
    let (mut a, mut b) = answered(config());
    let options = SendOptions { reliability: Reliability::MaxRetransmits(0), ..SendOptions::default() };
    a.send(NOW, StreamId(1), Ppid::STRING, Bytes::from_static(b"once"), options).unwrap();
    drain(NOW, &mut a);
    say(&mut a, 1, "always");
    a.handle_timeout(LATER);
    let again = drain(LATER, &mut a);
    assert_eq!(kinds(&again), [ChunkType::COOKIE_ECHO, ChunkType::DATA]);
    again.iter().for_each(|packet| b.handle_packet(LATER, packet));
    finish(LATER, &mut a, &mut b);
    assert_eq!(heard(&mut b, 1), ["always"]);
    assert!(a.is_drained());
}

/// Guards streams that the peer turns out not to have, and the end of a stream on which something went with the cookie.
#[test]
fn streams_are_those_of_the_answer() {
    let (mut a, mut b) = (association(config(), 1), association(config().with_streams(9, 4), 2));
    a.connect(NOW);
    say(&mut a, 4, "too far");
    say(&mut a, 3, "near");
    carry(NOW, &mut a, &mut b);
    carry(NOW, &mut b, &mut a);
    assert_eq!((a.outbound_streams(), a.inbound_streams()), (Some(4), Some(9)));
    let refused = a.send(NOW, StreamId(4), Ppid::STRING, Bytes::from_static(b"x"), SendOptions::default());
    assert_eq!(refused.unwrap_err().reason, SendRefusal::NoSuchStream);
    let echo = drain(NOW, &mut a);
    assert_eq!(kinds(&echo), [ChunkType::COOKIE_ECHO, ChunkType::DATA]);
    a.reset_streams(NOW, &[StreamId(3)]).unwrap();
    echo.iter().for_each(|packet| b.handle_packet(NOW, packet));
    exchange(NOW, &mut a, &mut b);
    assert_eq!(heard(&mut b, 3), ["near"]);
    assert!(events(&mut b).contains(&Event::StreamReset(StreamId(3))));
    assert!(events(&mut a).contains(&Event::StreamResetDone(StreamId(3))));
}

//! The rules of RFC 9260 and its extensions.

use super::*;
use crate::association::timer::Timer;

const HEARTBEAT: ChunkType = ChunkType::HEARTBEAT;

/// A heartbeat, to which whoever still listens answers.
fn heartbeat() -> RawChunk {
    (HEARTBEAT, 0, [&[0, 1, 0, 8][..], b"ping"].concat())
}

fn is_alive(association: &mut Association) -> bool {
    kinds(&association.hears(NOW, &[heartbeat()])).contains(&ChunkType::HEARTBEAT_ACK)
}

/// Guards the verification tag: nothing is heard under another one. The exceptions are INIT, whose tag is zero and which
/// travels alone, and ABORT and SHUTDOWN COMPLETE that bring our own tag back and say so.
#[test]
fn sctp_1_the_tag_is_checked_on_everything() {
    let (mut a, _) = connected(config());
    let (own, peer) = (a.tag, a.link().peer_tag);
    let init = (ChunkType::INIT, 0, vec![0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    for tag in [0, own ^ 1, own.wrapping_add(1), peer] {
        for kind in (0..=255).map(ChunkType).filter(|kind| (*kind, tag) != (ChunkType::INIT, 0)) {
            a.handle_packet(NOW, &packet(tag, &[(kind, 0, init.2.clone())]));
            assert_eq!(drain(NOW, &mut a), Vec::<Vec<u8>>::new(), "{kind:?} under {tag}");
        }
    }
    // An INIT under our tag, and one in company.
    assert_eq!(a.hears(NOW, std::slice::from_ref(&init)), Vec::<Vec<u8>>::new());
    a.handle_packet(NOW, &packet(0, &[init.clone(), heartbeat()]));
    assert_eq!(drain(NOW, &mut a), Vec::<Vec<u8>>::new());
    // The T bit says whose tag it is; the other one is wrong then.
    for (kind, flags, tag) in [(ChunkType::ABORT, 1, own), (ChunkType::ABORT, 0, peer), (ChunkType::ABORT, 1, 0)] {
        a.handle_packet(NOW, &packet(tag, &[(kind, flags, vec![])]));
    }
    assert_eq!(events(&mut a), []);
    assert!(is_alive(&mut a));
    a.handle_packet(NOW, &packet(peer, &[(ChunkType::ABORT, 1, vec![])]));
    assert_eq!(events(&mut a), [Event::Closed(CloseReason::AbortedByPeer(0))]);
}

/// Guards the answer to a cookie that is too old, and that it keeps the peer from nothing but this handshake.
#[test]
fn sctp_2_a_stale_cookie_is_reported_and_the_handshake_begun_again() {
    let (mut a, mut b) = (association(config(), 1), association(config(), 2));
    a.connect(NOW);
    drain(NOW, &mut a).iter().for_each(|packet| b.handle_packet(NOW, packet));
    drain(NOW, &mut b).iter().for_each(|packet| a.handle_packet(NOW, packet));
    let late = NOW + 61 * 1_000 * MS;
    drain(NOW, &mut a).iter().for_each(|packet| b.handle_packet(late, packet));
    let answer = drain(late, &mut b);
    let (kind, _, value) = &chunks(&answer)[0];
    assert_eq!((*kind, &value[..]), (ChunkType::ERROR, &[0, 3, 0, 8, 0, 0x0f, 0x42, 0x40][..]));
    assert!(!b.is_connected());
    answer.iter().for_each(|packet| a.handle_packet(late, packet));
    exchange(late, &mut a, &mut b);
    assert!(a.is_connected() && b.is_connected());
}

/// Guards against a wait for nothing: data under the right tag show that the peer is up and its COOKIE ACK is lost, so
/// COOKIE ECHO goes out again at once, though not for every packet of a burst.
#[test]
fn sctp_2_data_before_the_cookie_ack_ask_for_another() {
    let (mut a, mut b) = (association(config(), 1), association(config(), 2));
    a.connect(NOW);
    for _ in 0..2 {
        drain(NOW, &mut a).iter().for_each(|packet| b.handle_packet(NOW, packet));
        if !b.is_connected() {
            drain(NOW, &mut b).iter().for_each(|packet| a.handle_packet(NOW, packet));
        }
    }
    assert_eq!(kinds(&drain(NOW, &mut b)), [ChunkType::COOKIE_ACK]);
    let now = NOW + 30 * MS;
    send(&mut b, 3_000);
    let packets = drain(now, &mut b);
    let echoes: Vec<_> = packets
        .iter()
        .flat_map(|packet| {
            a.handle_packet(now, packet);
            drain(now, &mut a)
        })
        .collect();
    assert_eq!((packets.len(), kinds(&echoes)), (3, vec![ChunkType::COOKIE_ECHO]));
    echoes.iter().for_each(|packet| b.handle_packet(now, packet));
    drain(now, &mut b).iter().for_each(|packet| a.handle_packet(now, packet));
    assert!(a.is_connected());
}

/// Guards the table of RFC 9260 §5.2.4 for an association that is up: a cookie that repeats it is acknowledged and changes
/// nothing, one of a peer that began anew empties it, and any other is dropped.
#[test]
fn sctp_2_a_cookie_while_up_follows_the_table() {
    let (mut a, mut b) = (association(config(), 1), association(config(), 2));
    a.connect(NOW);
    let mut echo = None;
    for _ in 0..3 {
        for packet in drain(NOW, &mut a) {
            echo = (kinds(std::slice::from_ref(&packet)) == [ChunkType::COOKIE_ECHO]).then(|| packet.clone()).or(echo);
            b.handle_packet(NOW, &packet);
        }
        drain(NOW, &mut b).iter().for_each(|packet| a.handle_packet(NOW, packet));
    }
    let echo = echo.unwrap();
    assert_eq!((events(&mut a), events(&mut b)), (vec![Event::CookieEchoed, Event::Connected], vec![Event::Connected]));

    // D: the peer missed COOKIE ACK. That its cookie has grown old since is no reason to refuse it.
    let tag = b.tag;
    for time in [NOW, NOW + 3_600_000 * MS] {
        b.handle_packet(time, &echo);
        assert_eq!(kinds(&drain(time, &mut b)), [ChunkType::COOKIE_ACK]);
    }
    assert_eq!((events(&mut b), b.tag), (vec![], tag));

    // INIT alone disturbs nothing, and is answered under new tags.
    let mut again = association(config(), 3);
    again.connect(NOW);
    let later = NOW + 20 * MS;
    drain(later, &mut again).iter().for_each(|packet| b.handle_packet(later, packet));
    let answer = drain(later, &mut b);
    assert_eq!((kinds(&answer), b.tag), (vec![ChunkType::INIT_ACK], tag));
    assert!(is_alive(&mut b));

    // A: the peer began anew. What belonged to the association before is gone with its tag.
    answer.iter().for_each(|packet| again.handle_packet(NOW, packet));
    let second_echo = drain(NOW, &mut again);
    second_echo.iter().for_each(|packet| b.handle_packet(NOW, packet));
    assert_eq!(events(&mut b), [Event::Restarted]);
    assert_ne!(b.tag, tag);
    exchange(NOW, &mut again, &mut b);
    assert!(again.is_connected());

    // C and the rest: the first cookie belongs to nobody any more.
    b.handle_packet(NOW, &echo);
    assert_eq!((drain(NOW, &mut b), events(&mut b)), (vec![], vec![]));
}

/// Guards the rule of the two highest bits for unknown chunks, and the bound of the report: it fits into a packet.
#[test]
fn sctp_3_unknown_chunks_follow_their_high_bits() {
    for (kind, stops, reports) in [(0x3f, true, false), (0x7f, true, true), (0xbf, false, false), (0xff, false, true)] {
        for len in [0, 5, 1_000, 60_000] {
            let (mut a, _) = connected(config());
            let answer = a.hears(NOW, &[(ChunkType(kind), 0, vec![9; len]), heartbeat()]);
            let kinds = kinds(&answer);
            assert_eq!(kinds.contains(&ChunkType::ERROR), reports, "{kind:x} {len}");
            assert!(answer.iter().all(|packet| packet.len() <= Config::DEFAULT_MAX_PACKET_SIZE), "{kind:x} {len}");
            // A report that fills the packet leaves no room for the other answer.
            assert!(len == 60_000 || kinds.contains(&ChunkType::HEARTBEAT_ACK) != stops, "{kind:x} {len}");
            assert!(is_alive(&mut a), "{kind:x} {len}");
        }
    }
}

/// Guards the window: it counts what is held, 64 bytes for each message and 256 for its stream, opens when something is read, and what does
/// not fit is dropped without an acknowledgement, so that the peer offers it again.
#[test]
fn sctp_5_the_window_counts_what_is_held() {
    let limits = Limits::default().with_receive_buffer(20_000).with_max_message_size(10_000);
    let (_, mut b) = connected(config().with_limits(limits));
    let window = |answer: &[Vec<u8>]| with_sack(answer, |sack| sack.window as usize).unwrap();
    let first = b.tsn(1);
    let answer = b.hears(NOW, &[data(first, 0, BOTH, &[1; 1_000]), data(first.plus(1), 1, BOTH, b"x")]);
    assert_eq!(window(&answer), 20_000 - 1_064 - 65 - 256 - 64);
    // Beyond a hole: the fragment, and the run it makes.
    let answer = b.hears(NOW, &[data(first.plus(50), 2, DataFlags::BEGIN, &[1; 500])]);
    assert_eq!(window(&answer), 20_000 - 1_064 - 65 - 256 - 564 - 64 - 64);
    b.read(StreamId(1)).unwrap();
    let answer = b.hears(NOW, &[data(first.plus(50), 2, DataFlags::BEGIN, &[1; 500])]);
    assert_eq!(window(&answer), 20_000 - 65 - 256 - 564 - 64 - 64);

    let (mut tsn, flags) = (first.plus(2), BOTH | DataFlags::IMMEDIATE);
    let offer = |b: &mut Association, tsn: Tsn| {
        window(&b.hears(NOW, &[data(tsn, tsn.distance(first) as u16, flags, &[1; 1_000])]))
    };
    while b.tsn(1) == tsn && tsn.distance(first) < 30 {
        offer(&mut b, tsn);
        tsn = tsn.next();
    }
    let refused = tsn.previous();
    assert_eq!((b.link().inbound.counts.refused, b.tsn(1)), (1, refused), "what is refused is not acknowledged");
    assert!(offer(&mut b, refused) < 1_000);
    // There is room again for what is offered again.
    while b.read(StreamId(1)).is_some() {}
    assert_eq!(b.tsn(1), refused);
    offer(&mut b, refused);
    assert_eq!(b.tsn(1), refused.next());
}

/// Guards the promise of the window: what a peer sends beyond a hole within it is taken, and what closes the hole too. A peer
/// takes for lost what is refused, and gives way to it as to congestion.
#[test]
fn sctp_5_what_the_window_promises_is_taken_beyond_a_hole() {
    let limits = Limits::default().with_receive_buffer(45_000).with_max_message_size(20_000);
    let (_, mut b) = connected(config().with_limits(limits));
    let first = b.tsn(1);
    let window = with_sack(&b.hears(NOW, &[data(first, 0, BOTH, b"x")]), |sack| sack.window as usize).unwrap();
    assert!(b.read(StreamId(1)).is_some());
    let sent = (window / 1_064) as u32;
    for at in 1..sent {
        b.hears(NOW, &[data(first.plus(1 + at), at as u16 + 1, BOTH, &[1; 1_000])]);
    }
    assert_eq!(b.link().inbound.counts.refused, 0, "{sent} chunks in {window} bytes");
    b.hears(NOW, &[data(first.next(), 1, BOTH, &[1; 1_000])]);
    assert_eq!((b.tsn(0), b.link().inbound.counts.refused), (first.plus(sent), 0));
}

/// Guards the size of a SACK: as many blocks as a packet holds, at most 20 duplicates, and a bound of the runs kept.
#[test]
fn sctp_5_a_sack_fits_into_a_packet() {
    let (_, mut b) = connected(config());
    let first = b.tsn(3);
    let mut answer = Vec::new();
    for at in 0..3_000 {
        answer = b.hears(NOW, &[data(first.plus(2 * at), 0, BOTH | DataFlags::UNORDERED, b"x")]);
        assert!(answer.iter().all(|packet| packet.len() <= Config::DEFAULT_MAX_PACKET_SIZE));
    }
    let room = (1_188 - 12 - 16) / 4;
    assert_eq!(with_sack(&answer, |sack| sack.blocks().count()), Some(room));
    assert_eq!(b.link().inbound.counts.received, Limits::default().received_runs as u64);
    let again: Vec<_> = (0..100).map(|_| data(first, 0, BOTH | DataFlags::UNORDERED, b"x")).collect();
    let answer = b.hears(NOW, &again);
    assert_eq!(with_sack(&answer, |sack| (sack.blocks().count(), sack.duplicates().count())), Some((room - 20, 20)));
    assert_eq!(b.stats().duplicates_received, 100);
}

/// Guards the sender against a SACK that acknowledges what was never sent, that goes backwards, or whose blocks end before
/// they begin or lie outside of what is in flight.
#[test]
fn sctp_6_an_unsound_sack_is_ignored() {
    let (mut a, _) = connected(config());
    send(&mut a, 4_000);
    drain(NOW, &mut a);
    let first = a.link().flight.cumulative();
    let in_flight = a.link().flight.in_flight();
    let window = 1 << 20;
    for cumulative in [first.plus(5), first.plus(1_000), first.plus(1 << 31), first.previous(), first.plus(u32::MAX)] {
        a.hears(NOW, &[sack(cumulative, 0, &[])]);
        assert_eq!(a.link().flight.in_flight(), in_flight, "{cumulative:?}");
        assert_ne!(a.link().peer_window, 0, "{cumulative:?}");
    }
    for block in [(3, 2), (4, 1), (0, 0), (0, 3), (1, 1), (5, 5), (2, 5), (2, 65_535), (65_535, 2)] {
        a.hears(NOW, &[sack(first, window, &[block])]);
        assert_eq!(a.link().flight.in_flight(), in_flight, "{block:?}");
    }
    a.hears(NOW, &[sack(first, window, &[(3, 2), (2, 2), (9, 9)])]);
    assert_eq!(a.link().flight.in_flight(), in_flight - 1_176);
    a.hears(NOW, &[sack(first.plus(4), window, &[])]);
    assert!(a.link().flight.is_empty());
    // Backwards, after it went forwards.
    a.hears(NOW, &[sack(first.plus(2), 5, &[])]);
    assert_eq!(a.link().peer_window, window as usize);
}

/// Guards fast retransmission: after three packets that arrived although they were sent later, once, and not again for
/// further misses.
#[test]
fn sctp_7_three_misses_bring_one_fast_retransmission() {
    let (mut a, mut b) = connected(config());
    // A first round trip, so that the path is known.
    send(&mut a, 1);
    let packets = drain(NOW, &mut a);
    let now = NOW + 50 * MS;
    packets.iter().for_each(|packet| b.handle_packet(now, packet));
    drain(now, &mut b).iter().for_each(|packet| a.handle_packet(now, packet));

    send(&mut a, 4_000);
    let packets = drain(now, &mut a);
    assert_eq!(packets.len(), 4);
    let first = a.link().flight.cumulative();
    let now = now + 50 * MS;
    for (end, resent) in [(2, 0), (3, 0), (4, 1)] {
        let answer = a.hears(now, &[sack(first, 1 << 20, &[(2, end)])]);
        assert_eq!(kinds(&answer).iter().filter(|kind| **kind == ChunkType::DATA).count(), resent, "{end}");
    }
    for _ in 0..5 {
        assert_eq!(kinds(&a.hears(now, &[sack(first, 1 << 20, &[(2, 4)])])), []);
    }
    assert_eq!((a.stats().fast_recoveries, a.stats().data_chunks_retransmitted), (1, 1));
}

/// Guards the T3 timer: when the first outstanding chunk is sent again, it has the whole time again to be acknowledged.
#[test]
fn sctp_7_a_fast_retransmission_of_the_first_chunk_restarts_the_timer() {
    let (mut a, _) = connected(config());
    send(&mut a, 4_640);
    drain(NOW, &mut a);
    let first = a.link().flight.cumulative();
    let deadline = |a: &Association| a.timers.get(Timer::Retransmit as usize).unwrap();
    let now = NOW + 100 * MS;
    a.handle_packet(now, &packet(a.tag, &[sack(first.plus(1), 1 << 20, &[(2, 3)])]));
    let before = deadline(&a);
    // Three packets later: the chunk behind the cumulative TSN is lost.
    let mut answer = drain(now, &mut a);
    assert_eq!(deadline(&a), before);
    send(&mut a, 1_160);
    answer.extend(drain(now, &mut a));
    let now = now + 10 * MS;
    answer.extend(a.hears(now, &[sack(first.plus(1), 1 << 20, &[(2, 4)])]));
    let resent = chunks(&answer)
        .into_iter()
        .filter(|(kind, _, value)| *kind == ChunkType::DATA && value[..4] == first.plus(2).0.to_be_bytes());
    assert_eq!((resent.count(), a.stats().data_chunks_retransmitted), (1, 1));
    assert_eq!(deadline(&a), now + a.path().rto);
    assert!(deadline(&a) > before);
}

/// Guards the end of patience: ten time-outs in a row are borne, the eleventh ends the association, and each wait is twice
/// the one before.
#[test]
fn sctp_7_eleven_time_outs_end_the_association() {
    let (mut a, _) = connected(config());
    send(&mut a, 1);
    drain(NOW, &mut a);
    let (mut now, mut waits) = (NOW, vec![a.path().rto]);
    while let Some(at) = a.poll_timeout() {
        now = at;
        a.handle_timeout(now);
        drain(now, &mut a);
        if a.is_connected() && a.stats().timeouts as usize == waits.len() {
            waits.push(a.path().rto);
        }
    }
    assert_eq!(events(&mut a).last(), Some(&Event::Closed(CloseReason::Timeout)));
    assert_eq!((waits.len(), a.stats().timeouts), (11, 11));
    assert_eq!(a.stats().data_chunks_retransmitted - a.stats().tail_probes, 10);
    for pair in waits.windows(2) {
        assert!(pair[1] == (pair[0] * 2).min(60_000 * MS), "{waits:?}");
    }
    assert!(now.saturating_duration_since(NOW) >= waits.iter().sum());
}

/// Guards FORWARD TSN: it moves forwards only, only as agreed, and takes with it what arrived of a message in part.
#[test]
fn sctp_8_forward_tsn_only_moves_forward() {
    let (_, mut b) = connected(config());
    let first = b.tsn(1);
    // Half a message in order, another behind a hole, and a whole one.
    b.hears(NOW, &[data(first, 0, DataFlags::BEGIN, b"lost")]);
    b.hears(NOW, &[data(first.plus(2), 1, DataFlags::BEGIN, b"lost too")]);
    b.hears(NOW, &[data(first.plus(4), 2, BOTH, b"whole")]);
    assert_eq!(b.read(StreamId(1)), None);
    for back in [first, first.previous(), first.plus(1 << 31)] {
        b.hears(NOW, &[forward_tsn(back, &[(1, 9)])]);
        assert_eq!((b.tsn(0), b.read(StreamId(1))), (first, None), "{back:?}");
    }
    b.hears(NOW, &[forward_tsn(first.plus(3), &[(1, 1)])]);
    assert_eq!(b.tsn(0), first.plus(4));
    assert_eq!(b.read(StreamId(1)).map(|message| message.payload), Some(Bytes::from_static(b"whole")));
    assert_eq!(
        (with_sack(&b.hears(NOW, &[forward_tsn(first, &[])]), |sack| sack.window), b.read(StreamId(1))),
        (Some((512 << 10) - 64), None)
    );

    let (_, mut b) = connected(config().with_partial_reliability(false));
    let answer = b.hears(NOW, &[forward_tsn(b.tsn(1), &[])]);
    assert_eq!(kinds(&answer), [ChunkType::ABORT]);
}

/// Guards reassembly: the fragments of a message follow each other and agree on where they belong. Whatever the order in
/// which a violation arrives, it ends the association.
#[test]
fn sctp_9_fragments_that_do_not_fit_together_are_a_violation() {
    const BEGIN: u8 = DataFlags::BEGIN;
    const END: u8 = DataFlags::END;
    let [one, two] = [StreamId(1), StreamId(2)];
    let [binary, text] = [Ppid::BINARY, Ppid::STRING];
    type Fragment = (StreamId, Ppid, u16, u8);
    let cases: [(&str, &[Fragment]); 8] = [
        ("a beginning in a message", &[(one, binary, 0, BEGIN), (one, binary, 1, BEGIN)]),
        ("a whole message in a message", &[(one, binary, 0, BEGIN), (one, binary, 1, BOTH)]),
        ("an end without beginning", &[(one, binary, 0, BOTH), (one, binary, 1, END)]),
        ("a middle without beginning", &[(one, binary, 0, BOTH), (one, binary, 1, 0)]),
        ("another stream", &[(one, binary, 0, BEGIN), (two, binary, 0, END)]),
        ("another payload protocol", &[(one, binary, 0, BEGIN), (one, text, 0, END)]),
        ("another number", &[(one, binary, 0, BEGIN), (one, binary, 1, END)]),
        ("another order", &[(one, binary, 0, BEGIN), (one, binary, 0, END | DataFlags::UNORDERED)]),
    ];
    for (name, fragments) in cases {
        // In order, back to front, and behind a hole that is closed last.
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let (_, mut b) = connected(config());
            let first = b.tsn(1);
            let mut sent = vec![data_on(one, binary, first, 0, BOTH | DataFlags::UNORDERED, b"before")];
            for (at, &(stream, ppid, ssn, flags)) in fragments.iter().enumerate() {
                sent.push(data_on(stream, ppid, first.plus(at as u32 + 1), ssn, flags, b"x"));
            }
            let answers: Vec<_> = order.iter().flat_map(|&at| b.hears(NOW, &sent[at..=at])).collect();
            assert_eq!(kinds(&answers).last(), Some(&ChunkType::ABORT), "{name}, {order:?}");
            let last = events(&mut b).pop();
            assert!(
                matches!(last, Some(Event::Closed(CloseReason::ProtocolViolation(_)))),
                "{name}, {order:?}: {last:?}"
            );
        }
    }
}

/// Guards the numbering of a stream that was reset: both ends begin with zero again, and not before both agree.
#[test]
fn sctp_10_a_stream_begins_anew_with_number_zero() {
    let (mut a, mut b) = connected(config());
    for _ in 0..3 {
        send(&mut a, 10);
    }
    a.reset_streams(NOW, &[StreamId(1)]).unwrap();
    let refused = a.send(NOW, StreamId(1), Ppid::BINARY, Bytes::from_static(b"x"), SendOptions::default());
    assert_eq!(refused.unwrap_err().reason, SendRefusal::Resetting);
    exchange(NOW, &mut a, &mut b);
    assert_eq!(events(&mut b), [Event::Readable(StreamId(1)), Event::StreamReset(StreamId(1))]);
    assert!(events(&mut a).contains(&Event::StreamResetDone(StreamId(1))));
    assert_eq!(std::iter::from_fn(|| b.read(StreamId(1))).count(), 3);
    send(&mut a, 5);
    let packets = drain(NOW, &mut a);
    let (_, flags, value) = &chunks(&packets)[0];
    assert_eq!(Data::decode(*flags, value).unwrap().ssn, Ssn(0));
    packets.iter().for_each(|packet| b.handle_packet(NOW, packet));
    assert_eq!(b.read(StreamId(1)).unwrap().payload.len(), 5);
}

/// Guards the priority policy (RFC 7496 §3.2): what matters less leaves the full buffer for what matters more, and is counted
/// as given up; what was begun arrives.
#[test]
fn what_matters_less_leaves_a_full_buffer() {
    let limits = Limits::default().with_send_buffer(20_000);
    let (mut a, mut b) = connected(config().with_limits(limits));
    let send = |a: &mut Association, stream: u16, reliability| {
        let options = SendOptions { ordered: true, reliability };
        a.send(NOW, StreamId(stream), Ppid::BINARY, vec![stream as u8; 2_936].into(), options)
    };
    for _ in 0..6 {
        send(&mut a, 1, crate::Reliability::Priority(7)).unwrap();
    }
    let full = send(&mut a, 2, crate::Reliability::Priority(7)).unwrap_err();
    assert_eq!(full.reason, SendRefusal::WouldBlock);
    send(&mut a, 2, crate::Reliability::Priority(3)).unwrap();
    send(&mut a, 3, crate::Reliability::Reliable).unwrap();
    assert_eq!((a.stats().messages_abandoned, a.buffered_amount(StreamId(1))), (2, 4 * 2_936));
    exchange(NOW, &mut a, &mut b);
    for _ in 0..20 {
        let at = a.poll_timeout().into_iter().chain(b.poll_timeout()).min().unwrap();
        a.handle_timeout(at);
        b.handle_timeout(at);
        exchange(at, &mut a, &mut b);
    }
    let counts = [1, 2, 3].map(|stream| std::iter::from_fn(|| b.read(StreamId(stream))).count());
    assert_eq!(counts, [4, 1, 1]);
}

/// Guards the look at the clock before a message is sent again (RFC 3758 §4.1 TR4): one that was good when it was found lost, and
/// is not by the time that a packet is built, is given up.
#[test]
fn what_expires_before_it_is_sent_again_is_given_up() {
    let (mut a, _) = connected(config());
    let reliability = crate::Reliability::MaxLifetime(a.rto.current() + 5 * MS);
    let options = SendOptions { reliability, ..SendOptions::default() };
    a.send(NOW, StreamId(1), Ppid::BINARY, vec![7; 100].into(), options).unwrap();
    assert_eq!(kinds(&drain(NOW, &mut a)), [ChunkType::DATA]);
    let mut at = NOW;
    while a.stats().timeouts == 0 {
        at = a.poll_timeout().unwrap();
        a.handle_timeout(at);
    }
    assert_eq!(a.stats().messages_abandoned, 0, "it is still good");
    let sent = kinds(&drain(at + 10 * MS, &mut a));
    assert!(sent.contains(&ChunkType::FORWARD_TSN) && !sent.contains(&ChunkType::DATA), "{sent:?}");
    assert_eq!(a.stats().messages_abandoned, 1);
}

/// Guards: what is in flight counts for the send buffer until it is acknowledged.
#[test]
fn the_send_buffer_counts_what_is_in_flight() {
    let limits = Limits::default().with_send_buffer(5_000).with_max_message_size(1_000);
    let (mut a, mut b) = connected(config().with_limits(limits));
    let offer = |a: &mut Association| {
        let sent = a.send(NOW, StreamId(1), Ppid::BINARY, vec![7; 1_000].into(), SendOptions::default());
        sent.map_err(|error| error.reason)
    };
    let mut packets = Vec::new();
    for _ in 0..4 {
        assert_eq!(offer(&mut a), Ok(()));
        packets.extend(drain(NOW, &mut a));
    }
    assert_eq!((packets.len(), offer(&mut a)), (4, Err(SendRefusal::WouldBlock)));
    packets.iter().for_each(|packet| b.handle_packet(NOW, packet));
    exchange(NOW, &mut a, &mut b);
    assert_eq!(offer(&mut a), Ok(()));
}

/// Guards: what lies further ahead than a gap ack block can say is not held, as it could not be acknowledged.
#[test]
fn what_is_too_far_ahead_to_be_told_is_dropped() {
    let (_, mut b) = connected(config());
    let mut told = |ahead| {
        let answer = b.hears(NOW, &[data(b.tsn(ahead), 9, BOTH, b"x")]);
        with_sack(&answer, |sack| sack.blocks().map(|block| (block.start, block.end)).collect::<Vec<_>>()).unwrap()
    };
    assert_eq!(told(65_536), []);
    assert_eq!(told(65_535), [(65_535, 65_535)]);
}

/// Guards: answers outside the association wait in small numbers, and none goes out after the end.
#[test]
fn answers_outside_the_association_are_few_and_end_with_it() {
    let with_window = |window: u32| [&[0, 0, 0, 1][..], &window.to_be_bytes(), &[0, 1, 0, 1, 0, 0, 0, 1]].concat();
    // An answer with too small a window is refused, and the handshake goes on.
    let mut a = association(config(), 1);
    a.connect(NOW);
    drain(NOW, &mut a);
    for _ in 0..1_000 {
        a.handle_packet(NOW, &packet(a.tag, &[(ChunkType::INIT_ACK, 0, with_window(1_000))]));
    }
    assert_eq!(kinds(&drain(NOW, &mut a)), [ChunkType::ABORT; 4]);

    let (mut a, _) = connected(config());
    a.handle_packet(NOW, &packet(0, &[(ChunkType::INIT, 0, with_window(65_536))]));
    assert_eq!(a.hears(NOW, &[(ChunkType::ABORT, 0, vec![])]), Vec::<Vec<u8>>::new());
    assert_eq!(events(&mut a), [Event::Closed(CloseReason::AbortedByPeer(0))]);
}

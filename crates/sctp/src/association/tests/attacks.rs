//! Peers, and others, that mean harm.

use super::*;
use crate::association::timer::Timer;

/// Every kind of chunk with a body that would do something under the right tag.
fn harm(association: &Association, kind: u8) -> RawChunk {
    let next = association.tsn(1);
    match ChunkType(kind) {
        ChunkType::DATA => data(next, 0, BOTH, b"harm"),
        ChunkType::SACK => sack(association.link().flight.last_tsn(), 0, &[]),
        ChunkType::SHUTDOWN => (ChunkType::SHUTDOWN, 0, association.link().flight.last_tsn().0.to_be_bytes().to_vec()),
        ChunkType::FORWARD_TSN => forward_tsn(next.plus(100), &[(1, 9)]),
        kind => (kind, 0, vec![0, 1, 0, 8, 1, 2, 3, 4]),
    }
}

/// Guards the verification tag against who guesses: a million packets of every kind change nothing and are not answered,
/// those included that are out of the blue (inside DTLS nobody is there to answer).
#[test]
fn cve_30_guessed_tags_change_nothing() {
    let (mut a, _) = connected(config());
    send(&mut a, 10);
    drain(NOW, &mut a);
    let before = format!("{a:?}");
    let mut forged: Vec<_> = (0..=255).map(|kind| packet(0, &[harm(&a, kind)])).collect();
    let mut tags = Rng::from_number(30);
    let mut out = Vec::new();
    for at in 0..1_000_000usize {
        let (kind, tag) = (at % 256, tags.u32());
        if tag == a.tag || (kind == 1 && tag == 0) {
            continue;
        }
        let forged = &mut forged[kind];
        forged[4..8].copy_from_slice(&tag.to_be_bytes());
        forged[8..12].copy_from_slice(&[0; 4]);
        let crc = crc32c::crc32c(forged);
        forged[8..12].copy_from_slice(&crc.to_le_bytes());
        a.handle_packet(NOW, forged);
        assert_eq!(a.poll_packet(NOW, &mut out), None, "{kind} under {tag}");
    }
    let mut after = association(config(), 1);
    std::mem::swap(&mut after, &mut a);
    after.stats.packets_received -= 1_000_000;
    after.stats.packets_dropped -= 1_000_000;
    assert_eq!(format!("{after:?}"), before);
}

/// Guards the walk over chunks and parameters: trains of random kinds, lengths and bodies under the right tag are worth no
/// more steps than they have bytes, whatever they do to the association.
#[test]
fn cve_31_random_chunk_trains_end() {
    let mut rng = Rng::from_number(31);
    let (mut fresh, mut ended) = (0, 0);
    let (mut a, _) = connected(config());
    for _ in 0..4_096 {
        if !a.is_connected() {
            ended += 1;
            (a, _) = connected(config());
        }
        let mut train = Vec::new();
        for _ in 0..rng.below(20) {
            let kinds = [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 130, 192, rng.u32() as u8];
            let len = [0, 1, 2, 3, 4, 5, 16, 20, rng.below(100) as u16, rng.u32() as u16][rng.below(10) as usize];
            train.push(kinds[rng.below(13) as usize]);
            train.push(rng.u32() as u8);
            train.extend(len.to_be_bytes());
            let body = usize::from(len.saturating_sub(4)).min(rng.below(120) as usize);
            train.extend((0..body).map(|_| if rng.below(2) == 0 { 0 } else { rng.u32() as u8 }));
        }
        let mut out = packet(a.tag, &[(ChunkType::COOKIE_ACK, 0, vec![])]);
        out.extend(&train);
        out[8..12].copy_from_slice(&[0; 4]);
        let crc = crc32c::crc32c(&out);
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        let before = a.stats().steps;
        a.handle_packet(NOW, &out);
        assert!(a.stats().steps - before <= 65_535, "{train:?}");
        assert!(drain(NOW, &mut a).len() <= 20, "{train:?}");
        fresh += 1;
    }
    assert!(fresh == 4_096 && ended > 0);
}

/// Guards the congestion window against a peer that acknowledges what it has not got: what was never sent, and what it
/// has acknowledged before.
#[test]
fn cve_33_optimistic_acknowledgements_gain_nothing() {
    let (mut a, _) = connected(config());
    a.queue = SendQueue::new(Scheduler::default());
    for _ in 0..30 {
        send(&mut a, 60_000);
    }
    let mut now = NOW;
    for _ in 0..40 {
        drain(now, &mut a);
        now += 50 * MS;
        let (window, in_flight) = (a.link().congestion.window(), a.link().flight.in_flight());
        let (first, last) = (a.link().flight.cumulative(), a.link().flight.last_tsn());
        // Never sent: neither as cumulative TSN nor in a block.
        let beyond = [sack(last.next(), 1 << 30, &[]), sack(last.plus(1 << 20), 1 << 30, &[])];
        let blocks = sack(first, 1 << 30, &[(last.next().distance(first) as u16, 60_000)]);
        for chunk in beyond.into_iter().chain([blocks]) {
            a.handle_packet(now, &packet(a.tag, &[chunk]));
            assert_eq!((a.link().congestion.window(), a.link().flight.in_flight()), (window, in_flight));
        }
        // What was sent, ten times: the window grows by it at most, once.
        for _ in 0..10 {
            a.handle_packet(now, &packet(a.tag, &[sack(last, 1 << 30, &[])]));
        }
        assert!(a.link().congestion.window() <= window + in_flight, "{window} {in_flight}");
    }
}

/// Guards what leaves in one drain, however large the window is and however much was acknowledged at once; and that the
/// rest follows without being asked for.
#[test]
fn cve_33_a_drain_is_no_more_than_a_burst() {
    let (mut a, _) = connected(config());
    for _ in 0..30 {
        send(&mut a, 60_000);
    }
    let mut now = NOW;
    let (mut most, mut sent) = (0, 0);
    while sent < 1_700_000 {
        let mut bytes: usize = drain(now, &mut a).iter().map(Vec::len).sum();
        most = most.max(bytes);
        // What the burst holds back comes with the timer, until the window is full.
        while a.is_set(Timer::Pace) && a.poll_timeout().unwrap() < now + 50 * MS {
            let at = a.poll_timeout().unwrap();
            a.handle_timeout(at);
            let more = drain(at, &mut a).iter().map(Vec::len).sum();
            (bytes, most) = (bytes + more, most.max(more));
        }
        sent += bytes;
        let window = a.link().congestion.window();
        let full = a.link().flight.in_flight() + 1_176 >= window || a.queue.is_empty();
        assert!(full || bytes >= 45 * 11_880, "{} of {window} in flight", a.link().flight.in_flight());
        now += 50 * MS;
        let last = a.link().flight.last_tsn();
        a.handle_packet(now, &packet(a.tag, &[sack(last, 1 << 30, &[])]));
        assert!(bytes > 0);
    }
    assert!(a.link().congestion.window() > 200_000);
    assert!((10 * 1_000..=(64 << 10) + 1_188).contains(&most), "{most}");
}

/// Guards the work for gap ack blocks: 16,000 of them in a packet cost no more than 1,024, also when they are not sorted
/// or overlap, and while as much is in flight as may be.
#[test]
fn cve_34_thousands_of_blocks_cost_a_thousand() {
    let (mut a, _) = connected(config().with_limits(Limits::default().with_send_buffer(16 << 20)));
    a.send_buffer.adjust(8 << 20);
    for _ in 0..40_000 {
        send(&mut a, 1);
    }
    let mut now = NOW;
    while a.link().flight.next_tsn().distance(a.initial_tsn) < 32_768 + 10 {
        now += MS;
        drain(now, &mut a);
        let last = a.link().flight.last_tsn();
        if last.distance(a.initial_tsn) < 10_000 {
            a.handle_packet(now, &packet(a.tag, &[sack(last, 1 << 30, &[])]));
        } else {
            a.open_window();
        }
    }
    let first = a.link().flight.cumulative();
    let in_flight = a.link().flight.last_tsn().distance(first) as u16;
    assert!(in_flight > 20_000);
    let ascending: Vec<_> = (0..16_000u16).map(|at| (2 + 2 * at, 2 + 2 * at)).collect();
    let descending: Vec<_> = ascending.iter().take(2_000).rev().copied().collect();
    let overlapping: Vec<_> = (0..16_000u16).map(|at| (2 + at, in_flight - at % 7)).collect();
    for (name, blocks, most) in [
        ("ascending", ascending.clone(), 5 * 1_024),
        ("again", ascending, 4 * 1_024),
        ("descending", descending, 7 * 1_024),
        // The first acknowledges everything: that is what was sent, once.
        ("overlapping", overlapping.clone(), 8 * 1_024 + u64::from(in_flight) * 2),
        ("overlapping again", overlapping, 8 * 1_024),
        // What was never sent is not walked.
        ("beyond", vec![(in_flight + 1, u16::MAX)], 1_024),
    ] {
        let bomb = packet(a.tag, &[sack(first, 1 << 20, &blocks)]);
        let before = a.stats().steps;
        a.handle_packet(now, &bomb);
        let steps = a.stats().steps - before;
        assert!(steps <= most, "{name}: {steps} steps");
    }
}

/// Guards the size of a message while it is put together: one byte more than allowed ends the association, whether it
/// comes in order, back to front, or never ends; what is allowed arrives.
#[test]
fn cve_36_a_message_one_byte_too_long_aborts() {
    const MOST: usize = 256 << 10;
    for (len, reversed, fine) in
        [(MOST, false, true), (MOST, true, true), (MOST + 1, false, false), (MOST + 1, true, false)]
    {
        let (_, mut b) = connected(config());
        let (first, bytes) = (b.tsn(1), vec![3; len]);
        let count = len.div_ceil(1_000);
        let mut fragments: Vec<_> = bytes
            .chunks(1_000)
            .enumerate()
            .map(|(at, payload)| {
                let begin = if at == 0 { DataFlags::BEGIN } else { 0 };
                let end = if at + 1 == count { DataFlags::END } else { 0 };
                data(first.plus(at as u32), 0, begin | end, payload)
            })
            .collect();
        if reversed {
            fragments.reverse();
        }
        for fragment in fragments {
            b.hears(NOW, &[fragment]);
        }
        assert_eq!(b.is_connected(), fine, "{len} {reversed}");
        assert_eq!(b.read(StreamId(1)).is_some(), fine, "{len} {reversed}");
        let too_large = Event::Closed(CloseReason::MessageTooLarge);
        assert_eq!(events(&mut b).contains(&too_large), !fine, "{len} {reversed}");
    }
    let (_, mut b) = connected(config());
    let mut tsn = b.tsn(1);
    b.hears(NOW, &[data(tsn, 0, DataFlags::BEGIN, &[3; 1_000])]);
    for held in 1.. {
        tsn = tsn.next();
        b.hears(NOW, &[data(tsn, 0, 0, &[3; 1_000])]);
        if !b.is_connected() {
            assert_eq!(held, MOST / 1_000);
            break;
        }
    }
}

/// Guards FORWARD TSN: it reaches no farther than a chunk could, a list of every stream costs one step each, and what is
/// skipped is not walked.
#[test]
fn cve_37_forward_tsn_is_bounded_and_linear() {
    let (_, mut b) = connected(config());
    let at = b.tsn(0);
    for far in [65_536, 1 << 20, (1 << 31) - 1, 1 << 31, u32::MAX] {
        b.hears(NOW, &[forward_tsn(at.plus(far), &[(1, 1)])]);
        assert_eq!(b.tsn(0), at, "{far}");
    }
    let before = b.stats().steps;
    b.hears(NOW, &[forward_tsn(at.plus(65_535), &[])]);
    assert_eq!(b.tsn(0), at.plus(65_535));
    assert!(b.stats().steps - before <= 1);
    let list: Vec<_> = (0..16_000).map(|stream| (stream, 7)).collect();
    for round in 1..=5 {
        let before = b.stats().steps;
        b.hears(NOW, &[forward_tsn(at.plus(65_535 + round), &list)]);
        assert!(b.stats().steps - before <= 16_001);
    }
}

/// Guards I-FORWARD-TSN the same way: a list of thousands of entries, also of one stream over and over while very many of
/// its messages have arrived in part, costs a step each and one for each message dropped.
#[test]
fn cve_37_i_forward_tsn_is_bounded_and_linear() {
    let (_, mut b) = connected(config().with_interleaving(true));
    let at = b.tsn(0);
    for far in [65_536, 1 << 20, (1 << 31) - 1, 1 << 31, u32::MAX] {
        b.hears(NOW, &[i_forward_tsn(at.plus(far), &[(1, true, 1)])]);
        assert_eq!(b.tsn(0), at, "{far}");
    }
    let window = |b: &mut Association| with_sack(&b.hears(NOW, &[i_forward_tsn(b.tsn(0), &[])]), |sack| sack.window);
    let empty = window(&mut b);
    for mid in 0..8_000 {
        b.hears(NOW, &[i_data(b.tsn(1), Mid(mid), 0, DataFlags::BEGIN, b"x")]);
    }
    let list: Vec<_> = (0..8_000u32).map(|entry| ((entry % 2) as u16, entry % 3 == 0, entry)).collect();
    let before = b.stats().steps;
    b.hears(NOW, &[i_forward_tsn(b.tsn(9), &list)]);
    let steps = b.stats().steps - before;
    assert!((8_000..=16_001).contains(&steps), "{steps}");
    b.hears(NOW, &[i_forward_tsn(b.tsn(9), &[(1, false, 8_000)])]);
    // The parts made it grow from 512 KiB to its limit, eight ninths of the buffer, and all of it is free again.
    let most = (5 << 20) - (5 << 20) / 9;
    assert_eq!(window(&mut b), empty.map(|empty| empty + most - (512 << 10)));
}

/// Guards against what is not implemented and was exploited elsewhere: ASCONF, its answer and AUTH are unknown chunks,
/// reported where their number asks for it.
#[test]
fn cve_29_address_changes_and_authentication_are_unknown() {
    for (kind, reported) in [(0xc1, true), (0x80, false), (0x0f, false)] {
        let (mut a, _) = connected(config());
        let before = format!("{:?}", a.state);
        let value = [&[0, 0, 0, 1, 0, 5, 0, 8, 10, 0, 0, 1, 0xc0, 1, 0, 16, 0, 0, 0, 1][..], &[0, 5, 0, 8, 1, 2, 3, 4]]
            .concat();
        let answer = a.hears(NOW, &[(ChunkType(kind), 0, value.clone())]);
        assert_eq!(format!("{:?}", a.state), before, "{kind:x}");
        assert_eq!(kinds(&answer), if reported { vec![ChunkType::ERROR] } else { vec![] }, "{kind:x}");
        if reported {
            let cause = &chunks(&answer)[0].2;
            assert_eq!((&cause[..2], &cause[8..]), (&[0, 6][..], &value[..]), "{kind:x}");
        }
    }
}

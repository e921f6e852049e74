use super::*;
use crate::packet::Header;
use std::time::Duration;

const AUDIO: SectionId = SectionId(0);
const VIDEO: SectionId = SectionId(1);
const START: Instant = Instant::from_nanos(0);

fn mid(text: &str) -> Values {
    Values { mid: Some(Mid::new(text).unwrap()), ..Values::default() }
}

fn rid(text: &str) -> Option<Rid> {
    Some(Rid::new(text).unwrap())
}

/// Audio takes 111 and 96, video 96 and 97.
fn demultiplexer(limits: Limits) -> Demultiplexer {
    let mut demux = Demultiplexer::new(limits);
    let payload_types = |types: &[u8]| types.iter().copied().map(PayloadType).collect();
    let audio = Section { mid: mid("a").mid, payload_types: payload_types(&[111, 96]), ..Section::default() };
    let rids = vec![rid("hi").unwrap(), rid("lo").unwrap()];
    let video = Section { mid: mid("v").mid, payload_types: payload_types(&[96, 97]), rids, ..Section::default() };
    demux.set_section(AUDIO, audio);
    demux.set_section(VIDEO, video);
    demux
}

fn route_at(
    demux: &mut Demultiplexer,
    now: Instant,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    values: Values,
) -> Result<Routed, Unroutable> {
    let header = Header {
        ssrc: Ssrc(ssrc),
        payload_type: PayloadType(payload_type),
        sequence_number: SequenceNumber(sequence),
        ..Header::default()
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    demux.route(now, &Packet::parse(&bytes).unwrap(), &values)
}

fn route(demux: &mut Demultiplexer, ssrc: u32, payload_type: u8, values: Values) -> Result<SectionId, Unroutable> {
    route_at(demux, START, ssrc, payload_type, 0, values).map(|routed| routed.binding.section)
}

#[test]
fn rtp_3_a_mid_binds_its_stream() {
    let mut demux = demultiplexer(Limits::default());
    assert_eq!(route(&mut demux, 1, 96, Values::default()), Err(Unroutable::Unknown));
    assert_eq!(route(&mut demux, 1, 96, mid("v")), Ok(VIDEO));
    assert_eq!(route(&mut demux, 1, 96, Values::default()), Ok(VIDEO));
    assert_eq!(route(&mut demux, 2, 96, mid("a")), Ok(AUDIO));
    assert_eq!(route(&mut demux, 3, 96, mid("x")), Err(Unroutable::Mid));
}

#[test]
fn rtp_3_a_payload_type_binds_if_one_section_has_it() {
    let mut demux = demultiplexer(Limits::default());
    assert_eq!(route(&mut demux, 1, 111, Values::default()), Ok(AUDIO));
    // Bound, it does not move with its payload type.
    assert_eq!(route(&mut demux, 1, 96, Values::default()), Ok(AUDIO));
    assert_eq!(route(&mut demux, 1, 97, Values::default()), Err(Unroutable::PayloadType));
    assert_eq!(route(&mut demux, 2, 97, Values::default()), Ok(VIDEO));
    assert_eq!(route(&mut demux, 3, 50, Values::default()), Err(Unroutable::Unknown));
}

#[test]
fn rtp_3_announced_streams_need_no_mid() {
    let mut demux = demultiplexer(Limits::default());
    let payload_types = vec![PayloadType(96)];
    demux.set_section(AUDIO, Section { payload_types, ssrcs: vec![Ssrc(9)], ..Section::default() });
    assert_eq!(route(&mut demux, 9, 96, Values::default()), Ok(AUDIO));
    // What the stream says itself is worth more.
    assert_eq!(route_at(&mut demux, START, 9, 96, 1, mid("v")).unwrap().binding.section, VIDEO);
}

#[test]
fn rtp_3_rids_tell_encodings_and_their_repair_apart() {
    let mut demux = demultiplexer(Limits::default());
    let hi = Values { rid: rid("hi"), ..mid("v") };
    let repair = Values { rid: rid("7"), repaired_rid: rid("hi"), ..mid("v") };
    let binding = route_at(&mut demux, START, 1, 96, 0, hi).unwrap().binding;
    assert_eq!(binding, Binding { section: VIDEO, rid: rid("hi"), repairs: false });
    let binding = route_at(&mut demux, START, 2, 97, 0, repair).unwrap().binding;
    assert_eq!(binding, Binding { section: VIDEO, rid: rid("hi"), repairs: true });
    // Later packets carry none of it.
    assert_eq!(route_at(&mut demux, START, 2, 97, 1, Values::default()).unwrap().binding, binding);
    let unknown = Values { rid: rid("mid"), ..mid("v") };
    assert_eq!(route(&mut demux, 3, 96, unknown), Err(Unroutable::Rid));
}

#[test]
fn rtp_3_a_new_stream_takes_over_its_encoding() {
    let mut demux = demultiplexer(Limits::default());
    let hi = Values { rid: rid("hi"), ..mid("v") };
    assert!(route_at(&mut demux, START, 1, 96, 0, hi).unwrap().is_new);
    let routed = route_at(&mut demux, START, 2, 96, 0, hi).unwrap();
    assert_eq!((routed.is_new, routed.forgotten), (true, Some(Ssrc(1))));
    assert_eq!(demux.binding(Ssrc(1)), None);
}

/// Guards the order of updates: a packet that was overtaken must not move its stream back.
#[test]
fn rtp_3_a_late_packet_does_not_bind_its_stream_back() {
    let mut demux = demultiplexer(Limits::default());
    assert!(route_at(&mut demux, START, 1, 96, 0xffff, mid("a")).unwrap().is_new);
    assert!(route_at(&mut demux, START, 1, 96, 1, mid("v")).unwrap().is_new);
    let late = route_at(&mut demux, START, 1, 96, 0, mid("a")).unwrap();
    assert_eq!((late.binding.section, late.is_new), (VIDEO, false));
}

/// Guards the limit of moves: a stream that changes its section with each packet costs work at each change.
#[test]
fn rtp_3_a_stream_moves_a_limited_number_of_times() {
    let mut demux = demultiplexer(Limits::default());
    let results: Vec<_> =
        (0..100u16).map(|i| route_at(&mut demux, START, 1, 96, i, mid(if i % 2 == 0 { "a" } else { "v" }))).collect();
    assert_eq!(results.iter().filter(|result| matches!(result, Ok(routed) if routed.is_new)).count(), 17);
    assert_eq!(results[99], Err(Unroutable::Moved));
    assert!(results[98].is_ok());
}

/// Guards the size of the table, the choice of the evicted and the single event.
#[test]
fn cve_28_a_flood_of_streams_evicts_the_longest_silent_and_tells_once() {
    let mut demux = demultiplexer(Limits::default());
    let mut now = START;
    let mut forgotten = 0;
    for i in 0..100_000u32 {
        now += Duration::from_micros(10);
        assert!(route_at(&mut demux, now, 7, 111, i as u16, Values::default()).is_ok());
        forgotten +=
            usize::from(route_at(&mut demux, now, 1_000 + i, 111, 0, Values::default()).unwrap().forgotten.is_some());
    }
    assert_eq!(demux.streams().count(), 1_024);
    assert_eq!(forgotten, 100_000 + 1 - 1_024);
    assert!(demux.binding(Ssrc(7)).is_some());
    assert!(demux.binding(Ssrc(1_000)).is_none());
    assert_eq!(demux.poll_event(), Some(Event::TooManyStreams));
    assert_eq!(demux.poll_event(), None);
}

#[test]
fn cve_28_announced_streams_are_not_evicted() {
    let mut demux = demultiplexer(Limits { streams: 2, ..Limits::default() });
    let payload_types = vec![PayloadType(111)];
    demux.set_section(AUDIO, Section { payload_types, ssrcs: vec![Ssrc(1), Ssrc(2), Ssrc(3)], ..Section::default() });
    assert_eq!(demux.streams().count(), 2);
    assert_eq!(route(&mut demux, 9, 111, Values::default()), Err(Unroutable::Full));
}

/// Guards: browsers name their streams until these were reported on, and never again.
#[test]
fn a_suspended_section_keeps_its_streams() {
    let mut demux = demultiplexer(Limits::default());
    let values = Values { rid: rid("hi"), ..mid("v") };
    assert_eq!(route(&mut demux, 1, 97, values), Ok(VIDEO));
    let known = demux.binding(Ssrc(1));
    demux.suspend_section(VIDEO);
    assert_eq!(route(&mut demux, 1, 97, Values::default()), Err(Unroutable::Mid));
    let rids = vec![rid("hi").unwrap()];
    demux.set_section(VIDEO, Section { payload_types: vec![PayloadType(97)], rids, ..Section::default() });
    assert_eq!(route(&mut demux, 1, 97, Values::default()), Ok(VIDEO));
    assert_eq!(demux.binding(Ssrc(1)), known);
}

#[test]
fn a_removed_section_takes_its_streams_along() {
    let mut demux = demultiplexer(Limits::default());
    assert_eq!(route(&mut demux, 1, 111, Values::default()), Ok(AUDIO));
    demux.remove_section(AUDIO);
    assert_eq!(demux.binding(Ssrc(1)), None);
    assert_eq!(route(&mut demux, 1, 111, Values::default()), Err(Unroutable::Unknown));
    // Video is the only one left with 96.
    assert_eq!(route(&mut demux, 1, 96, Values::default()), Ok(VIDEO));
    demux.forget(Ssrc(1));
    assert_eq!(demux.binding(Ssrc(1)), None);
}

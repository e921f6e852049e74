//! The demultiplexer: sections and packets as the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netsim::epoch;
use ortica_fuzz::Script;
use ortica_rtp::demux::{Demultiplexer, Limits, Section, SectionId};
use ortica_rtp::header_extension::Values;
use ortica_rtp::{Mid, Packet, PayloadType, Rid, Ssrc};
use std::time::Duration;

/// So few that inputs meet.
const NAMES: [&str; 4] = ["0", "1", "a", "b"];

fuzz_target!(|input: &[u8]| {
    let mut script = Script::new(input);
    let limits = Limits::default();
    let mut demultiplexer = Demultiplexer::new(limits);
    let mut now = epoch();
    while !script.is_empty() {
        let name = |script: &mut Script<'_>| NAMES.get(usize::from(script.u8() % 8)).copied();
        match script.u8() % 8 {
            0 => {
                let section = Section {
                    mid: name(&mut script).and_then(|name| Mid::new(name).ok()),
                    payload_types: vec![PayloadType(script.u8() % 4 + 96)],
                    rids: name(&mut script).and_then(|name| Rid::new(name).ok()).into_iter().collect(),
                    ssrcs: (0..script.u8() % 3).map(|_| Ssrc(u32::from(script.u8()))).collect(),
                };
                demultiplexer.set_section(SectionId(u32::from(script.u8() % 4)), section);
            }
            1 => demultiplexer.remove_section(SectionId(u32::from(script.u8() % 4))),
            2 => demultiplexer.forget(Ssrc(u32::from(script.u8()))),
            3 => now += Duration::from_millis(u64::from(script.u16())),
            _ => {
                let mut packet = vec![0x80, 96 + script.u8() % 4, 0, script.u8(), 0, 0, 0, 0];
                packet.extend_from_slice(&script.u16().to_be_bytes().map(u32::from).iter().sum::<u32>().to_be_bytes());
                let packet = Packet::parse(&packet).expect("it is well formed");
                let mut values = Values::default();
                values.mid = name(&mut script).and_then(|name| Mid::new(name).ok());
                values.rid = name(&mut script).and_then(|name| Rid::new(name).ok());
                values.repaired_rid = name(&mut script).and_then(|name| Rid::new(name).ok());
                if let Ok(routed) = demultiplexer.route(now, &packet, &values) {
                    assert_eq!(demultiplexer.binding(packet.ssrc()), Some(routed.binding));
                    assert_ne!(routed.forgotten, Some(packet.ssrc()));
                }
            }
        }
        while demultiplexer.poll_event().is_some() {}
    }
});

//! From the 16 bits of a sequence number to the 48 bits of a packet's index.
//!
//! Source: [RFC 3711 §3.3.1](https://www.rfc-editor.org/rfc/rfc3711#section-3.3.1)

/// Indices end here, and with them the life of a key for one SSRC.
pub(crate) const INDEX_LIMIT: u64 = 1 << 48;

/// The index, rollover counter above sequence number, that a packet with `sequence` most likely has when `highest` is the
/// highest one so far. `None` when that lies beyond the last index.
///
/// Source: [RFC 3711 Appendix A](https://www.rfc-editor.org/rfc/rfc3711#appendix-A)
pub(crate) fn estimate(highest: u64, sequence: u16) -> Option<u64> {
    const HALF: i32 = 0x8000;
    let rollover = highest >> 16;
    let highest_sequence = (highest & 0xffff) as i32;
    let ahead = i32::from(sequence) - highest_sequence;
    let rollover = if highest_sequence < HALF {
        // Nothing precedes rollover counter 0: what looks like it is a leap forward.
        if ahead > HALF { rollover.saturating_sub(1) } else { rollover }
    } else if ahead < -HALF {
        rollover + 1
    } else {
        rollover
    };
    let index = rollover << 16 | u64::from(sequence);
    (index < INDEX_LIMIT).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn srtp_1_a_lost_65535_before_any_wrap_still_counts_the_wrap() {
        assert_eq!(estimate(65_534, 1), Some(0x1_0001));
        assert_eq!(estimate(65_534, 0), Some(0x1_0000));
        // And the lost one, arriving late, belongs in front of the wrap.
        assert_eq!(estimate(0x1_0001, 65_535), Some(65_535));
    }

    #[test]
    fn srtp_1_nothing_precedes_the_first_rollover_counter() {
        assert_eq!(estimate(5, 65_534), Some(65_534));
        assert_eq!(estimate(0x1_0005, 65_534), Some(65_534));
    }

    #[test]
    fn srtp_1_the_last_index_is_not_followed_by_the_first() {
        assert_eq!(estimate(INDEX_LIMIT - 2, 65_535), Some(INDEX_LIMIT - 1));
        assert_eq!(estimate(INDEX_LIMIT - 1, 0), None);
        assert_eq!(estimate(INDEX_LIMIT - 1, 65_000), Some(INDEX_LIMIT - 536));
    }

    /// Guards the counter against desynchronising by loss: any gap short of half the sequence space is bridged, from
    /// anywhere, in both directions.
    #[test]
    fn cve_17_gaps_of_1_to_32767_are_bridged() {
        let starts = [0, 1, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x1_0000, 0x1_7fff, 0x1_8000, 0x5_ffff, 0x12_3456];
        for start in starts {
            for gap in 1..=32_767 {
                let ahead: u64 = start + gap;
                assert_eq!(estimate(start, ahead as u16), Some(ahead), "{gap} ahead of {start}");
                assert_eq!(estimate(ahead, start as u16), Some(start), "{gap} behind {ahead}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn srtp_1_agrees_with_the_pseudo_code_of_appendix_a(roc in 1u32..u32::MAX, s_l: u16, seq: u16) {
            let highest = u64::from(roc) << 16 | u64::from(s_l);
            let (s_l, signed) = (i64::from(s_l), i64::from(seq));
            let v = if s_l < 32_768 {
                if signed - s_l > 32_768 { roc - 1 } else { roc }
            } else if s_l - 32_768 > signed {
                roc + 1
            } else {
                roc
            };
            prop_assert_eq!(estimate(highest, seq), Some(u64::from(seq) + u64::from(v) * 65_536));
        }
    }
}

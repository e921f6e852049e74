//! Association setup.

use crate::common::raw;
use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use crate::common::{MS, config};
use ortica_core::Rng;
use ortica_sctp::{Association, CloseReason};
use std::collections::BTreeSet;
use std::sync::Arc;

const UNANSWERED: End = End::Over(CloseReason::ConnectTimeout);
const REFUSED: End = End::Over(CloseReason::ProtocolViolation("INIT ACK that no association can be made of"));

#[test]
fn etsi_setup() {
    run(&[
        Row {
            name: "sctp-as-v-1-1-1: Performing an active association setup",
            steps: &[
                (0, Connect, "INIT"),
                (50, Hear(&[InitAck]), "COOKIE_ECHO"),
                (100, Hear(&[CookieAck]), ""),
                (100, Send(10), "DATA(1)"),
            ],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-1-2: Performing a passive association setup",
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (50, Hear(&[CookieEcho]), "COOKIE_ACK"), (50, Send(1), "DATA(1)")],
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-2-1: Retransmissions of INIT chunks",
            start: CookieWait,
            steps: &[(999, Wait, ""), (1_000, Wait, "INIT"), (2_999, Wait, ""), (3_000, Wait, "INIT")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-2-2: Retransmissions of COOKIE-ECHO chunks",
            start: CookieEchoed,
            // The answer to INIT came at once, so the time-out is the least.
            steps: &[(399, Wait, ""), (400, Wait, "COOKIE_ECHO"), (1_200, Wait, "COOKIE_ECHO")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-3-1: Handling of excessive retransmissions of INIT chunks",
            config: |config| config.with_max_init_retransmits(3),
            start: CookieWait,
            steps: &[(100_000, Wait, "INIT / INIT / INIT")],
            end: UNANSWERED,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-3-2: Handling of excessive retransmissions of COOKIE-ECHO chunks",
            config: |config| config.with_max_init_retransmits(2),
            start: CookieEchoed,
            steps: &[(100_000, Wait, "COOKIE_ECHO / COOKIE_ECHO / ABORT")],
            end: UNANSWERED,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-4: Ensuring no resource allocation on reception of INIT chunk",
            // How much memory that is: `cve_32_a_flood_of_inits_leaves_nothing_behind`.
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (100_000, Wait, "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-6-1: Handling of INIT chunk with various parameters",
            steps: &[
                // A wish for a longer-lived cookie, address types, and ECN.
                (0, Hear(&[InitWith(&[0, 9, 0, 8, 0, 0, 3, 232, 0, 12, 0, 6, 0, 5, 0, 0, 0x80, 0, 0, 4])]), "INIT_ACK"),
                (60_500, Hear(&[CookieEcho]), "COOKIE_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-6-2: Handling of INIT-ACK chunk with various parameters",
            start: CookieWait,
            steps: &[
                (9, Hear(&[InitAckWith(&[0, 8, 0, 8, 0x80, 0x77, 0, 4, 0x80, 0, 0, 4])]), "COOKIE_ECHO"),
                (9, Hear(&[CookieAck]), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-7-1: Handling of INIT chunks with IS less then configured OS in the CLOSED state",
            steps: &[(0, Hear(&[InitOf(7, 10, 2)]), "INIT_ACK"), (0, Hear(&[CookieEcho]), "COOKIE_ACK")],
            end: End::UpWith(2, 10),
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-7-2: Handling of INIT chunks with OS 0 in the CLOSED state",
            steps: &[(0, Hear(&[InitOf(7, 0, 10)]), "ABORT(7)")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-7-3: Handling of INIT-ACK chunks with IS less than OS of the INIT in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[InitAckOf(7, 10, 2)]), "COOKIE_ECHO"), (0, Hear(&[CookieAck]), "")],
            end: End::UpWith(2, 10),
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-7-4: Handling of INIT-ACK chunks with outgoing stream 0 in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[InitAckOf(7, 0, 10)]), "ABORT(7)")],
            end: REFUSED,
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-7-5: Ensuring the support of 2 incoming and outgoing streams",
            steps: &[(0, Hear(&[InitOf(7, 2, 2)]), "INIT_ACK"), (0, Hear(&[CookieEcho]), "COOKIE_ACK")],
            end: End::UpWith(2, 2),
            ..ROW
        },
        // Behind each unknown parameter another that wants to be reported, which shows whether it was reached.
        Row {
            name: "sctp-as-i-1-8-1: Handling of INIT chunks with unknown parameter (highest order bits 11)",
            steps: &[(0, Hear(&[InitWith(&[0xff, 1, 0, 4, 0xff, 2, 0, 4])]), "INIT_ACK(unrecognized 2)")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-8-2: Handling of INIT chunks with unknown parameter (highest order bits 00)",
            steps: &[(0, Hear(&[InitWith(&[0x3f, 1, 0, 4, 0xff, 2, 0, 4])]), "INIT_ACK")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-8-3: Handling of INIT chunks with unknown parameter (highest order bits 01)",
            steps: &[(0, Hear(&[InitWith(&[0x7f, 1, 0, 4, 0xff, 2, 0, 4])]), "INIT_ACK(unrecognized 1)")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-8-4: Handling of INIT chunks with unknown parameter (highest order bits 10)",
            steps: &[(0, Hear(&[InitWith(&[0xbf, 1, 0, 4, 0xff, 2, 0, 4])]), "INIT_ACK(unrecognized 1)")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-o-1-9-1: Handling of INIT chunks with known addresses in the ESTABLISHED state",
            start: Established,
            steps: &[
                (20, Hear(&[InitWith(&[0, 5, 0, 8, 192, 0, 2, 1])]), "INIT_ACK(unrecognized 1)"),
                (20, Hear(&[Data(1)]), "SACK(1)"),
            ],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-10-1: Handling of INIT chunks with no address parameters in the CLOSED state",
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (0, Hear(&[CookieEcho]), "COOKIE_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-10-2: Handling of INIT-ACK chunks with no address parameters in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[InitAck]), "COOKIE_ECHO"), (0, Hear(&[CookieAck]), "")],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-11-1: Handling of INIT chunks with one or more address parameters in the CLOSED state",
            steps: &[
                (
                    0,
                    Hear(&[InitWith(&[0, 5, 0, 8, 192, 0, 2, 1, 0, 5, 0, 8, 192, 0, 2, 2])]),
                    "INIT_ACK(unrecognized 2)",
                ),
                (0, Hear(&[CookieEcho]), "COOKIE_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-11-2: Handling of INIT-ACK chunks with one or more address parameters in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[
                (0, Hear(&[InitAckWith(&[0, 5, 0, 8, 192, 0, 2, 1])]), "COOKIE_ECHO ERROR(8)"),
                (0, Hear(&[CookieAck]), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-12-1: Handling of INIT chunks with one hostname address parameter in the CLOSED state",
            steps: &[(0, Hear(&[InitWith(&[0, 11, 0, 8, b'a', b'.', b'b', 0])]), "ABORT(5)")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-12-2: Handling of INIT-ACK chunks with one hostname address parameter in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[InitAckWith(&[0, 11, 0, 8, b'a', b'.', b'b', 0])]), "ABORT(5)")],
            end: REFUSED,
            ..ROW
        },
        Row {
            name: "sctp-as-v-1-13-1: Handling of INIT chunks with a supported address types parameter (good case)",
            steps: &[
                (0, Hear(&[InitWith(&[0, 12, 0, 8, 0, 5, 0, 6])]), "INIT_ACK"),
                (0, Hear(&[CookieEcho]), "COOKIE_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-14-1: Handling of INIT chunks with initiate tag 0 in the CLOSED state",
            steps: &[(0, Hear(&[InitOf(0, 9, 9)]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-as-i-1-14-2: Handling of INIT-ACK chunks with initiate tag 0 in the COOKIE-WAIT state",
            start: CookieWait,
            // The peer has no tag to send an ABORT under but the one that it used.
            steps: &[(0, Hear(&[InitAckOf(0, 9, 9)]), "ABORT(T)")],
            end: End::Over(CloseReason::ProtocolViolation("INIT ACK with tag 0")),
            ..ROW
        },
    ]);
}

/// The tag in INIT, or in the answer to one.
fn tag(seed: u64, active: bool) -> [u8; 4] {
    let now = netsim::epoch() + MS;
    let mut association = Association::new(Arc::new(config()), Rng::from_number(seed), now);
    if active {
        association.connect(now);
    } else {
        association.handle_packet(now, &raw::packet(0, &[(raw::INIT, 0, raw::init(7, 1))]));
    }
    let mut out = Vec::new();
    association.poll_packet(now, &mut out).expect("INIT or its answer");
    out[16..20].try_into().expect("four bytes")
}

/// sctp-as-v-1-5-1: Using random initiate tags for INIT chunks; sctp-as-v-1-5-2: and for INIT-ACK chunks.
#[test]
fn etsi_setup_tags_are_random() {
    for active in [true, false] {
        let tags: BTreeSet<_> = (0..200).map(|seed| tag(seed, active)).collect();
        assert_eq!(tags.len(), 200);
        // Each bit is set about half of the time.
        for bit in 0..32 {
            let set = tags.iter().filter(|tag| u32::from_be_bytes(**tag) >> bit & 1 == 1).count();
            assert!((60..=140).contains(&set), "bit {bit}: {set}");
        }
    }
}

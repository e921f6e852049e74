//! Invalid messages.

use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};

const NOT_YET: Row = Row { end: End::NotYet, ..ROW };

#[test]
fn etsi_invalid() {
    run(&[
        Row {
            name: "sctp-imh-i-3-1: Handling of an INIT chunk being too small in the CLOSED state",
            steps: &[(0, Hear(&[Other(1, &[0, 0, 0, 7, 0, 1, 0, 0, 0, 9, 0, 9])]), "")],
            ..NOT_YET
        },
        Row {
            name: "sctp-imh-i-3-2: Handling of an INIT-ACK chunk being too small in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[Other(2, &[0, 0, 0, 7, 0, 1, 0, 0, 0, 9, 0, 9])]), ""), (1_000, Wait, "INIT")],
            ..NOT_YET
        },
        Row {
            name: "sctp-imh-i-3-3: Handling of a packet with a wrong verification tag containg a COOKIE-ECHO chunk in the CLOSED state",
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (0, HearUnder(9, &[CookieEcho]), "")],
            ..NOT_YET
        },
        Row {
            name: "sctp-imh-i-3-4: Handling of a packet with a wrong checksum containg an INIT chunk in the CLOSED state",
            steps: &[(0, HearDamaged(&[Init]), "")],
            ..NOT_YET
        },
        Row {
            name: "sctp-imh-i-3-5: Handling of a COOKIE-ECHO chunk with a wrong cookie in the CLOSED state",
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (0, Hear(&[ForgedCookie]), "")],
            ..NOT_YET
        },
        Row {
            name: "sctp-imh-i-3-6: Handling of a COOKIE-ECHO chunk with an expired cookie in the CLOSED state",
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (60_001, Hear(&[CookieEcho]), "ERROR(3)")],
            ..NOT_YET
        },
        Row {
            name: "sctp-imh-i-3-7: Handling of a packet with a wrong verification tag containing an ABORT chunk in the ESTABLISHED state",
            start: Established,
            steps: &[(0, HearUnder(9, &[Abort(0)]), ""), (0, HearUnder(7, &[Abort(0)]), "")],
            ..ROW
        },
        Row {
            name: "sctp-imh-i-3-8: Handling of a packet too small for the contained INIT chunk in the CLOSED state",
            steps: &[(0, HearCut(4, &[Init]), ""), (0, HearCut(20, &[Init]), "")],
            ..NOT_YET
        },
        Row {
            name: "sctp-imh-i-3-9: Handling of a packet with a wrong verification tag containing a SHUTDOWN-ACK chunk in the SHUTDOWN-SENT state",
            start: ShutdownSent,
            steps: &[(0, HearUnder(9, &[ShutdownAck]), "")],
            ..ROW
        },
        Row {
            name: "sctp-imh-i-3-10: Handling of a packet with a wrong verification tag containing a SHUTDOWN-COMPLETE chunk in the SHUTDOWN-ACK-SENT state",
            start: ShutdownAckSent,
            steps: &[(0, HearUnder(9, &[ShutdownComplete(0)]), ""), (0, HearUnder(7, &[ShutdownComplete(0)]), "")],
            ..ROW
        },
    ]);
}

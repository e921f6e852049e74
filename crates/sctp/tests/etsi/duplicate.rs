//! Messages that come twice, or where they are not expected.

use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use ortica_sctp::CloseReason;

const DONE: End = End::Over(CloseReason::Shutdown);

#[test]
fn etsi_duplicate() {
    run(&[
        Row {
            name: "sctp-dm-o-4-1: Handling of INIT chunks in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (0, Hear(&[CookieEcho]), "COOKIE_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-2-1: Handling of INIT chunks in the ESTABLISHED state",
            start: Established,
            steps: &[(20, Hear(&[Init]), "INIT_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-2-2: Handling of INIT chunks in the SHUTDOWN-ACK-SENT state",
            start: ShutdownAckSent,
            steps: &[(20, Hear(&[Init]), "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-3: Handling of INIT-ACK chunks in the COOKIE-ECHOED state",
            start: CookieEchoed,
            steps: &[(0, Hear(&[InitAck]), ""), (0, Hear(&[CookieAck]), "")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-4: Handling of COOKIE-ACK chunks in the ESTABLISHED state",
            start: Established,
            steps: &[(0, Hear(&[CookieAck]), "")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-5: Handling of SHUTDOWN chunks in the SHUTDOWN-SENT state",
            start: ShutdownSent,
            steps: &[(0, Hear(&[Shutdown(0)]), "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-6-1: Handling of SHUTDOWN chunks in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[Shutdown(0)]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-6-2: Handling of SHUTDOWN chunks in the CLOSED state",
            // Out of the blue: inside DTLS nobody else can have sent it, and no answer helps.
            steps: &[(0, HearUnder(9, &[Shutdown(0)]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-6-3: Handling of SHUTDOWN chunks in the SHUTDOWN-SENT state (including T2 restart)",
            start: ShutdownSent,
            steps: &[(500, Hear(&[Shutdown(0)]), "SHUTDOWN_ACK"), (1_499, Wait, ""), (1_500, Wait, "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-7-1: Handling of SHUTDOWN-ACK chunks in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[ShutdownAck]), "SHUTDOWN_COMPLETE(T)"), (1_000, Wait, "INIT")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-7-2: Handling of SHUTDOWN-ACK chunks in the ESTABLISHED state",
            start: Established,
            steps: &[(0, Hear(&[ShutdownAck]), "")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-7-3: Handling of SHUTDOWN-ACK chunks in the SHUTDOWN-ACK-SENT state",
            start: ShutdownAckSent,
            steps: &[(0, Hear(&[ShutdownAck]), "SHUTDOWN_COMPLETE")],
            end: DONE,
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-8: Handling of COOKIE-ECHO chunks with invalid MAC in the ESTABLISHED state",
            start: Established,
            steps: &[(0, Hear(&[ForgedCookie]), "")],
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-9: Handling of SHUTDOWN-COMPLETE chunks in the COOKIE-WAIT state",
            start: CookieWait,
            steps: &[(0, Hear(&[ShutdownComplete(0)]), ""), (0, Hear(&[ShutdownComplete(1)]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-dm-o-4-10: Handling of DATA chunks in the SHUTDOWN-ACK-SENT state",
            start: ShutdownAckSent,
            steps: &[(0, Hear(&[Data(1)]), ""), (0, Read(0), "")],
            ..ROW
        },
    ]);
}

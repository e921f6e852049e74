//! Errors.

use crate::common::raw::{BEGIN, END};
use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use ortica_sctp::CloseReason;

#[test]
fn etsi_error() {
    run(&[
        Row {
            name: "sctp-e-o-6-1: Handling of an ERROR chunk indicating state cookie in state COOKIE-ECHOED",
            start: CookieEchoed,
            steps: &[
                (0, Hear(&[Error(3, 1_000)]), "INIT(preserve)"),
                (9, Hear(&[InitAck]), "COOKIE_ECHO"),
                (9, Hear(&[CookieAck]), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-e-o-6-2: Handling of an ERROR chunk indicating state cookie in states other than COOKIE-ECHOED",
            start: Established,
            steps: &[(0, Hear(&[Error(3, 1_000)]), "")],
            ..ROW
        },
        Row {
            name: "sctp-e-o-6-2: the same in COOKIE-WAIT",
            start: CookieWait,
            steps: &[(0, Hear(&[Error(3, 1_000)]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-e-i-6-3: Handling of a DATA chunk on a non-existing stream",
            config: |config| config.with_streams(2, 2),
            start: Established,
            steps: &[(0, Hear(&[DataOf(1, 5, 0, BEGIN | END, 10)]), "ERROR(1) SACK(1)")],
            ..ROW
        },
        Row {
            name: "sctp-e-i-6-4: Handling of an INIT-ACK chunk without a cookie",
            start: CookieWait,
            steps: &[(0, Hear(&[InitAckWithoutCookie]), "ABORT(2)")],
            end: End::Over(CloseReason::ProtocolViolation("INIT ACK without a cookie")),
            ..ROW
        },
        Row {
            name: "sctp-e-i-6-5: Handling of an INIT-ACK chunk containing an unknown parameter",
            start: CookieWait,
            steps: &[(0, Hear(&[InitAckWith(&[0xff, 1, 0, 4])]), "COOKIE_ECHO ERROR(8)"), (0, Hear(&[CookieAck]), "")],
            ..ROW
        },
        Row {
            name: "sctp-e-i-6-6: Handling of a COOKIE-ECHO chunk bundled with an ERROR chunk indicating unrecognized parameters",
            steps: &[(0, Hear(&[Init]), "INIT_ACK"), (0, Hear(&[CookieEcho, Error(8, 0xff01_0004)]), "COOKIE_ACK")],
            ..ROW
        },
    ]);
}

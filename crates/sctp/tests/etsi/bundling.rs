//! Bundling of data chunks with control chunks.

use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use ortica_sctp::CloseReason;

#[test]
fn etsi_bundling() {
    run(&[
        Row {
            name: "sctp-bdc-i-7-1: INIT chunk bundled with DATA chunk",
            steps: &[(0, Hear(&[Init, Data(1)]), ""), (0, HearUnder(0, &[Data(1), Init]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-bdc-i-7-2: INIT-ACK chunk bundled with DATA chunk",
            start: CookieWait,
            steps: &[(0, Hear(&[InitAck, Data(1)]), ""), (0, Hear(&[Data(1), InitAck]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-bdc-i-7-3: SHUTDOWN-COMPLETE chunk bundled with DATA chunk",
            start: ShutdownAckSent,
            steps: &[(0, Hear(&[ShutdownComplete(0), Data(1)]), ""), (0, Hear(&[Data(1), ShutdownComplete(0)]), "")],
            ..ROW
        },
        Row {
            name: "sctp-bdc-v-7-4: COOKIE-ECHO chunk bundled with DATA chunk",
            steps: &[
                (0, Hear(&[Init]), "INIT_ACK"),
                (0, Hear(&[CookieEcho, Data(1)]), "COOKIE_ACK SACK(1)"),
                (0, Read(5), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-bdc-v-7-5: COOKIE-ACK chunk bundled with DATA chunk",
            start: CookieEchoed,
            steps: &[(0, Hear(&[CookieAck, Data(1)]), "SACK(1)"), (0, Read(5), "")],
            ..ROW
        },
        Row {
            name: "sctp-bdc-v-7-6: SACK chunk bundled with SHUTDOWN chunk",
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (10, Hear(&[Sack(1), Shutdown(1)]), "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-bdc-v-7-7: SACK chunk bundled with DATA chunk",
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (10, Hear(&[Sack(1), Data(1)]), "SACK(1)"), (9_000, Wait, "")],
            ..ROW
        },
        Row {
            name: "sctp-bdc-v-7-8: SHUTDOWN-ACK chunk bundled with DATA chunk",
            start: ShutdownSent,
            steps: &[(0, Hear(&[Data(1), ShutdownAck]), "SHUTDOWN_COMPLETE"), (0, Read(5), "")],
            end: End::Over(CloseReason::Shutdown),
            ..ROW
        },
    ]);
}

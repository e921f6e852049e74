//! Association termination.

use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use ortica_sctp::CloseReason;

const DONE: End = End::Over(CloseReason::Shutdown);
const GIVEN_UP: End = End::Over(CloseReason::Timeout);

#[test]
fn etsi_termination() {
    run(&[
        Row {
            name: "sctp-at-v-2-2: Handling of ABORT chunks in the ESTABLISHED state",
            start: Established,
            steps: &[(0, Hear(&[AbortWith(12)]), "")],
            end: End::Over(CloseReason::AbortedByPeer(12)),
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-3: Ensure that a SHUTDOWN chunk is sent only when there is no outstanding user data",
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (10, Finish, ""), (20, Hear(&[Sack(1)]), "SHUTDOWN(0)")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-4: Handling of retransmission of SHUTDOWN chunks",
            start: ShutdownSent,
            steps: &[(999, Wait, ""), (1_000, Wait, "SHUTDOWN(0)"), (3_000, Wait, "SHUTDOWN(0)")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-5: Handling of excessive retransmissions of SHUTDOWN chunks",
            config: |config| config.with_max_retransmits(2),
            start: ShutdownSent,
            steps: &[(100_000, Wait, "SHUTDOWN(0) / SHUTDOWN(0) / ABORT")],
            end: GIVEN_UP,
            ..ROW
        },
        Row {
            name: "sctp-at-v-2-6: Handling of SHUTDOWN-ACK chunks in the SHUTDOWN-SENT state",
            start: ShutdownSent,
            steps: &[(0, Hear(&[ShutdownAck]), "SHUTDOWN_COMPLETE")],
            end: DONE,
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-7-1: Reject user data from upper layer in the SHUTDOWN-SENT state",
            start: ShutdownSent,
            steps: &[(0, Refused(10), "")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-7-2: Reject user data from upper layer in the SHUTDOWN-RECEIVED state",
            start: ShutdownReceived,
            steps: &[(0, Refused(10), "")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-7-3: Reject user data from upper layer in the SHUTDOWN-PENDING state",
            start: ShutdownPending,
            steps: &[(0, Refused(10), "")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-7-4: Reject user data from upper layer in the SHUTDOWN-ACK_SENT state",
            start: ShutdownAckSent,
            steps: &[(0, Refused(10), "")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-8: Handling of DATA chunks in the SHUTDOWN-SENT state",
            start: ShutdownSent,
            steps: &[(500, Hear(&[Data(1)]), "SACK(1) SHUTDOWN(1)"), (500, Read(5), "")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-9: Handling of DATA chunks in the SHUTDOWN-RECEIVED state",
            start: ShutdownReceived,
            steps: &[(0, Hear(&[Data(1)]), ""), (0, Read(0), "")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-10: Handling of SHUTDOWN chunks when there is outstanding user data",
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (10, Hear(&[Shutdown(0)]), ""), (20, Hear(&[Sack(1)]), "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-11: Handling of retransmission of SHUTDOWN-ACK chunks",
            start: ShutdownAckSent,
            steps: &[(999, Wait, ""), (1_000, Wait, "SHUTDOWN_ACK"), (3_000, Wait, "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-12: Handling of excessive retransmissions of SHUTDOWN-ACK chunks",
            config: |config| config.with_max_retransmits(2),
            start: ShutdownAckSent,
            steps: &[(100_000, Wait, "SHUTDOWN_ACK / SHUTDOWN_ACK / ABORT")],
            end: GIVEN_UP,
            ..ROW
        },
        Row {
            name: "sctp-at-i-2-13: Handling of SHUTDOWN-COMPLETE chunks in SHUTDOWN-ACK-SENT state",
            start: ShutdownAckSent,
            steps: &[(0, Hear(&[ShutdownComplete(0)]), "")],
            end: DONE,
            ..ROW
        },
        Row {
            name: "sctp-at-v-2-14: Handling of SHUTDOWN chunks acknowledging all outstanding user data",
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (10, Hear(&[Shutdown(1)]), "SHUTDOWN_ACK")],
            ..ROW
        },
    ]);
}

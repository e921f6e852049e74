//! Fault handling.

use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use ortica_sctp::CloseReason;

#[test]
fn etsi_fault() {
    run(&[
        Row {
            name: "sctp-fh-i-5-1-1: Handling of excessive timer based retransmissions",
            config: |config| config.with_max_retransmits(2),
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (100_000, Wait, "DATA(1) / DATA(1) / ABORT")],
            end: End::Over(CloseReason::Timeout),
            ..ROW
        },
        Row {
            name: "sctp-fh-i-5-1-2: Resetting the number of retransmissions on reception of a SACK chunk",
            config: |config| config.with_max_retransmits(2),
            start: Established,
            steps: &[
                (0, Send(10), "DATA(1)"),
                (4_000, Wait, "DATA(1) / DATA(1)"),
                (4_000, Hear(&[Sack(1)]), ""),
                (4_000, Send(10), "DATA(2)"),
                (15_000, Wait, "DATA(2)"),
                (15_000, Hear(&[Sack(2)]), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-fh-v-5-2: Handling of HEARTBEAT chunks in the ESTABLISHED state",
            start: Established,
            steps: &[(0, Hear(&[Heartbeat]), "HEARTBEAT_ACK")],
            ..ROW
        },
        // Out of the blue means without an association. Inside DTLS only the peer can have sent such a packet, so none is
        // answered but SHUTDOWN ACK, which the peer repeats until it is.
        Row {
            name: "sctp-fh-o-5-3-1: Handling of OOTB packets containing a DATA chunk",
            steps: &[(0, HearUnder(9, &[Data(1)]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-fh-o-5-3-2: Handling of OOTB packets containing an ABORT chunk",
            steps: &[(0, HearUnder(9, &[Abort(0)]), ""), (0, HearUnder(9, &[Abort(1)]), "")],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "sctp-fh-o-5-3-3: Handling of OOTB packets containing an SHUTDOWN-ACK chunk",
            start: Established,
            steps: &[(0, Break, "ABORT(12)"), (9, Hear(&[ShutdownAck]), "SHUTDOWN_COMPLETE(T)")],
            end: End::Over(CloseReason::Aborted),
            ..ROW
        },
        Row {
            name: "sctp-fh-o-5-3-4: Handling of OOTB packets containing an SHUTDOWN-COMPLETE chunk",
            steps: &[(0, HearUnder(9, &[ShutdownComplete(0)]), ""), (0, HearUnder(9, &[ShutdownComplete(1)]), "")],
            end: End::NotYet,
            ..ROW
        },
    ]);
}

//! The retransmission timer.

use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};

#[test]
fn etsi_retransmission() {
    run(&[
        Row {
            name: "sctp-rt-i-11-1: Test retransmission timeout (single homing)",
            start: Established,
            steps: &[
                (0, Send(10), "DATA(1)"),
                (1_000, Wait, "DATA(1)"),
                (2_999, Wait, ""),
                (3_000, Wait, "DATA(1)"),
                (6_999, Wait, ""),
                (7_000, Wait, "DATA(1)"),
            ],
            ..ROW
        },
        Row {
            name: "sctp-rt-i-11-2: Test retransmission timeout (single homing), most",
            config: |config| {
                let [initial, min, most] = [1, 1, 2].map(std::time::Duration::from_secs);
                config.with_rto(initial, min, most)
            },
            start: Established,
            steps: &[
                (0, Send(10), "DATA(1)"),
                (3_000, Wait, "DATA(1) / DATA(1)"),
                (5_000, Wait, "DATA(1)"),
                (6_000, Hear(&[Sack(1)]), ""),
                (60_000, Wait, ""),
            ],
            ..ROW
        },
    ]);
}

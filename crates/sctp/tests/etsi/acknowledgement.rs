//! Acknowledgement.

use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};

#[test]
fn etsi_acknowledgement() {
    run(&[
        Row {
            name: "sctp-a-v-9-1: First SACK is sent immediately",
            start: Established,
            steps: &[(0, Hear(&[Data(1)]), "SACK(1)"), (10, Hear(&[Data(2)]), ""), (50, Wait, "SACK(2)")],
            ..ROW
        },
        Row {
            name: "sctp-a-v-9-2: SACK can cover multiple bundled DATA chunks",
            start: Established,
            steps: &[(0, Hear(&[Data(1), Data(2), Data(3)]), "SACK(3)")],
            ..ROW
        },
        Row {
            name: "sctp-a-o-9-3: SACK with gap report is sent immediately",
            start: Established,
            steps: &[(0, Hear(&[Data(1)]), "SACK(1)"), (0, Hear(&[Data(3)]), "SACK(1 gap 3-3)")],
            ..ROW
        },
    ]);
}

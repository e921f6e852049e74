//! Unknown chunks.

use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};

#[test]
fn etsi_miscellaneous() {
    run(&[
        Row {
            name: "sctp-m-i-10-1: Handling of an unknown chunk (highest order bits 11) bundled with a DATA chunk",
            start: Established,
            steps: &[(0, Hear(&[Other(0xfe, &[1, 2, 3, 4]), Data(1)]), "ERROR(6) SACK(1)")],
            ..ROW
        },
        Row {
            name: "sctp-m-i-10-2: Handling of an unknown chunk (highest order bits 00) bundled with a DATA chunk",
            start: Established,
            steps: &[(0, Hear(&[Other(0x3e, &[1, 2, 3, 4]), Data(1)]), ""), (0, Read(0), "")],
            ..ROW
        },
        Row {
            name: "sctp-m-i-10-3: Handling of an unknown chunk (highest order bits 01) bundled with a DATA chunk",
            start: Established,
            steps: &[(0, Hear(&[Other(0x7e, &[1, 2, 3, 4]), Data(1)]), "ERROR(6)"), (0, Read(0), "")],
            ..ROW
        },
        Row {
            name: "sctp-m-i-10-4: Handling of an unknown chunk (highest order bits 10) bundled with a DATA chunk",
            start: Established,
            steps: &[(0, Hear(&[Other(0xbe, &[1, 2, 3, 4]), Data(1)]), "SACK(1)"), (0, Read(5), "")],
            ..ROW
        },
    ]);
}

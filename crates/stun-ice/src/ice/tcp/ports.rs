//! Ports that no connection is opened to on a peer's word.

/// Ports of services that are not to be reached by whoever may name an address: what is said to them could be taken for their own
/// protocol.
///
/// Source: [Fetch, "bad port"](https://fetch.spec.whatwg.org/#port-blocking)
const BLOCKED: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Whether connections to this port are not opened.
pub(in crate::ice) fn is_blocked(port: u16) -> bool {
    BLOCKED.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_ports_are_found() {
        assert!(BLOCKED.is_sorted() && BLOCKED.iter().all(|port| is_blocked(*port)));
        assert!([2, 80, 443, 8_001, 8_443, 65_535].into_iter().all(|port| !is_blocked(port)));
    }
}

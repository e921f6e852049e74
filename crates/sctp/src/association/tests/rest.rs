//! What is given back while nothing flows.

use super::*;

/// Guards a rest in the middle of a conversation: nothing is lost, and the numbers of messages go on.
#[test]
fn an_association_goes_on_after_a_rest_as_before_it() {
    for interleaving in [false, true] {
        let (mut a, mut b) = connected(config().with_interleaving(interleaving));
        for round in 1..5 {
            for len in [10, 3_000, 1] {
                send(&mut a, round * len);
                a.rest();
                exchange(NOW, &mut a, &mut b);
            }
            b.rest();
            let read: Vec<usize> =
                std::iter::from_fn(|| b.read(StreamId(1))).map(|message| message.payload.len()).collect();
            assert_eq!(read, [round * 10, round * 3_000, round]);
            a.rest();
            b.rest();
        }
        // The last acknowledgement waits for company.
        let later = NOW + 100 * MS;
        b.handle_timeout(later);
        exchange(later, &mut a, &mut b);
        assert!(a.is_connected() && a.is_drained() && b.is_connected());
    }
}

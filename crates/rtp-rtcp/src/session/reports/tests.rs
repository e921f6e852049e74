use super::*;
use crate::rtcp::{Compound, Goodbye, Nack, PictureLoss};
use crate::sequence::SequenceNumber;

const START: Instant = Instant::from_nanos(0);
const OWN: Ssrc = Ssrc(9);

fn reporter(config: Config) -> Reporter {
    Reporter::new(config, Rng::from_number(1), START)
}

fn config() -> Config {
    Config::new(OWN, "someone")
}

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock { ssrc: Ssrc(ssrc), ..ReportBlock::default() }
}

fn sender(ssrc: u32) -> SenderReport {
    SenderReport { ssrc: Ssrc(ssrc), ..SenderReport::default() }
}

/// The packets of each datagram.
fn datagrams(
    reporter: &mut Reporter,
    now: Instant,
    senders: &[SenderReport],
    blocks: &[ReportBlock],
    reduced: bool,
) -> Vec<Vec<Packet>> {
    let mut datagrams = Vec::new();
    let mut out = Vec::new();
    loop {
        out.clear();
        let Some(len) = reporter.poll(now, senders.iter().cloned(), blocks.iter().copied(), &mut out) else {
            return datagrams;
        };
        assert_eq!(len, out.len());
        datagrams.push(Compound::parse(&out, reduced).unwrap().packets().map(Result::unwrap).collect());
    }
}

fn loss() -> PictureLoss {
    PictureLoss { sender: OWN, media: Ssrc(1) }
}

/// Guards the random factor, the mean and the bandwidth's share.
#[test]
fn rtcp_4_intervals_are_random_around_a_mean_within_a_twentieth_of_the_bandwidth() {
    let mut reporter = reporter(config());
    let (mut now, mut shortest, mut longest) = (START, Duration::MAX, Duration::ZERO);
    for i in 0..1_000 {
        let next = reporter.poll_timeout().unwrap();
        if i > 0 {
            let interval = next.saturating_duration_since(now);
            (shortest, longest) = (shortest.min(interval), longest.max(interval));
        }
        now = next;
        assert_eq!(datagrams(&mut reporter, now, &[sender(1)], &[block(2)], false).len(), 1);
    }
    assert!(shortest >= Duration::from_millis(500) && shortest < Duration::from_millis(510), "{shortest:?}");
    assert!(longest <= Duration::from_millis(1_500) && longest > Duration::from_millis(1_490), "{longest:?}");
    assert!(now.as_nanos().abs_diff(1_000 * 1_000_000_000) < 30_000_000_000, "{now:?}");

    // At 8 kbit/s, 50 bytes a second are for reports, and there are ten members.
    reporter.set_bandwidth(8_000);
    reporter.set_members(10);
    let mean = reporter.mean_interval().as_secs_f64();
    assert!((mean - reporter.average_len * 10.0 / 50.0).abs() < 0.001 && mean > 20.0, "{mean}");
}

#[test]
fn rtcp_1_a_report_names_who_sends_it() {
    let mut reporter = reporter(config());
    let due = reporter.poll_timeout().unwrap();
    let sent = datagrams(&mut reporter, due, &[sender(1), sender(2)], &[block(3)], false);
    let [
        Packet::SenderReport(first),
        Packet::SourceDescription(name),
        Packet::SenderReport(second),
        Packet::SourceDescription(other),
    ] = &sent[0][..]
    else {
        panic!("{sent:?}")
    };
    assert_eq!(sent.len(), 1);
    assert_eq!((first.ssrc, first.reports.len()), (Ssrc(1), 1));
    assert_eq!((second.ssrc, second.reports.len()), (Ssrc(2), 0));
    for (description, ssrc) in [(name, Ssrc(1)), (other, Ssrc(2))] {
        assert_eq!(description.chunks[0].ssrc, ssrc);
        assert_eq!(description.chunks[0].item(ItemKind::CNAME), Some(&b"someone"[..]));
    }
}

#[test]
fn who_sends_nothing_makes_receiver_reports() {
    let mut reporter = reporter(config());
    let due = reporter.poll_timeout().unwrap();
    let sent = datagrams(&mut reporter, due, &[], &[], false);
    let [Packet::ReceiverReport(report), Packet::SourceDescription(_)] = &sent[0][..] else { panic!("{sent:?}") };
    assert_eq!(sent.len(), 1);
    assert_eq!((report.ssrc, report.reports.len()), (OWN, 0));
}

/// Guards the lead of feedback that goes between reports.
#[test]
fn rtcp_1_feedback_goes_at_once_behind_a_report_or_alone_if_reduced() {
    let mut full = reporter(config());
    full.push(loss());
    let sent = datagrams(&mut full, START, &[sender(1)], &[block(2)], false);
    let [Packet::ReceiverReport(report), Packet::SourceDescription(_), Packet::PictureLoss(_)] = &sent[0][..] else {
        panic!("{sent:?}")
    };
    // Not due: the streams were not asked for their reports.
    assert!(report.reports.is_empty());

    let mut reduced = reporter(config().with_reduced_size(true));
    reduced.push(loss());
    assert_eq!(datagrams(&mut reduced, START, &[], &[], true), [[loss().into()]]);
}

#[test]
fn many_streams_take_several_datagrams_each_of_which_stands_alone() {
    let mut reporter = reporter(config());
    let due = reporter.poll_timeout().unwrap();
    reporter.push(loss());
    let blocks: Vec<_> = (0..100).map(block).collect();
    let senders: Vec<_> = (1_000..1_003).map(sender).collect();
    let sent = datagrams(&mut reporter, due, &senders, &blocks, false);
    assert_eq!(sent.len(), 3);
    let count: usize = sent
        .iter()
        .flatten()
        .map(|packet| match packet {
            Packet::SenderReport(report) => report.reports.len(),
            Packet::ReceiverReport(report) => report.reports.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(count, 100);
    assert!(matches!(sent[2].last(), Some(Packet::PictureLoss(_))));
    assert!(reporter.stats().bytes <= 3 * 1_150);
}

#[test]
fn a_packet_too_large_for_any_datagram_goes_in_its_own() {
    for reduced in [false, true] {
        let mut reporter = reporter(config().with_max_packet(100).with_reduced_size(reduced));
        let numbers = (0..100).map(|i| SequenceNumber(i * 20));
        reporter.push(loss());
        reporter.push(Nack::ask(OWN, Ssrc(1), numbers).0);
        reporter.push(loss());
        let sent = datagrams(&mut reporter, START, &[], &[], reduced);
        assert_eq!(sent.len(), 3);
        assert!(matches!(sent[1].last(), Some(Packet::Nack(nack)) if nack.entries.len() == 100));
    }
}

#[test]
fn waiting_feedback_is_bounded() {
    let mut reporter = reporter(config());
    for ssrc in 0..1_000 {
        reporter.push(PictureLoss { sender: OWN, media: Ssrc(ssrc) });
    }
    assert_eq!(reporter.stats().dropped, 744);
    let sent = datagrams(&mut reporter, START, &[], &[], false);
    let losses = sent.iter().flatten().filter(|packet| matches!(packet, Packet::PictureLoss(_))).count();
    assert_eq!(losses, 256);
}

#[test]
fn a_goodbye_is_last() {
    let mut reporter = reporter(config());
    reporter.push(loss());
    reporter.push(Goodbye { sources: [OWN].into_iter().collect(), reason: None });
    let sent = datagrams(&mut reporter, START, &[], &[], false);
    assert!(matches!(sent[0].last(), Some(Packet::Goodbye(_))));
}

#[test]
fn rtcp_1_names_are_random_and_fit() {
    let mut rng = Rng::from_number(1);
    let (first, second) = (random_cname(&mut rng), random_cname(&mut rng));
    assert_eq!((first.len(), second.len()), (16, 16));
    assert_ne!(first, second);
}

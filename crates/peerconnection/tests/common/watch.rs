//! Looks at one report after the other, for what must hold of any and from each to the next.

use ortica::stats::{Stats, StatsKind, StatsReport};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers that are no counters: they go up and down.
const GAUGES: &[&str] = &[
    "audioLevel",
    "currentRoundTripTime",
    // Of an encoding, where one before it was given up.
    "encodingIndex",
    "fractionLost",
    "frameHeight",
    "frameWidth",
    "framesPerSecond",
    "height",
    "jitter",
    // What was taken for lost may come later.
    "packetsLost",
    "priority",
    "roundTripTime",
    "targetBitrate",
    "width",
];

/// The reports of one connection.
#[derive(Default)]
pub struct Watch {
    last: Option<StatsReport>,
    /// Each object that was ever there, as it was last.
    seen: BTreeMap<String, (Stats, Value)>,
}

impl Watch {
    /// Takes the next report.
    pub fn look(&mut self, report: StatsReport, context: &str) {
        let ids: BTreeSet<&str> = report.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids.len(), report.iter().count(), "{context}: a name is there twice: {ids:?}");
        for entry in report.iter() {
            for named in entry.references() {
                assert!(ids.contains(named), "{context}: {} names {named}, which is not there", entry.id);
            }
        }
        let json = serde_json::to_value(&report).expect("a report can be serialised");
        for entry in report.iter() {
            let object = json[&entry.id].clone();
            if let Some((before, before_object)) = self.seen.get(&entry.id) {
                assert_eq!(before.kind.as_str(), entry.kind.as_str(), "{context}: {}", entry.id);
                assert!(entry.timestamp >= before.timestamp, "{context}: {} goes back in time", entry.id);
                if !matches!(entry.kind, StatsKind::SctpTransport(_)) {
                    only_grew(before_object, &object, &format!("{context}: {}", entry.id));
                }
            }
            self.seen.insert(entry.id.clone(), (entry.clone(), object));
        }
        self.last = Some(report);
    }

    /// The last report.
    pub fn last(&self) -> &StatsReport {
        self.last.as_ref().expect("a report was looked at")
    }
}

fn only_grew(before: &Value, after: &Value, context: &str) {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { panic!("{context} is no object") };
    for (name, value) in before {
        let (Some(earlier), false) = (value.as_f64(), GAUGES.contains(&name.as_str())) else { continue };
        let later = after.get(name).and_then(Value::as_f64);
        let later = later.unwrap_or_else(|| panic!("{context}.{name} is gone"));
        assert!(later >= earlier, "{context}.{name} went from {earlier} to {later}");
    }
}

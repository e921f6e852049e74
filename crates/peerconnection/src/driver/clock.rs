//! The monotonic clock of an endpoint, paired with the protocol crates' [`Instant`].

use ortica_core::{Instant, NtpTime, WallClock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Counts from a little after zero, so that subtracting a short time never meets the start.
const OFFSET: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    pub fn now(&self) -> Instant {
        Instant::from_nanos(0) + OFFSET + self.start.elapsed()
    }

    /// When the runtime's timer has to fire for `instant`.
    pub fn deadline(&self, instant: Instant) -> tokio::time::Instant {
        self.start + instant.saturating_duration_since(Instant::from_nanos(0) + OFFSET)
    }

    /// Wall time, read once: a later step of the system's clock does not reach the sessions.
    pub fn wall(&self) -> WallClock {
        WallClock::new(self.now(), NtpTime::from_unix(time_of_day()))
    }
}

/// What the system believes, since the Unix epoch.
fn time_of_day() -> Duration {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    #[cfg(test)]
    let unix = tests::stepped(unix);
    unix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Certificate, Configuration, ConnectionState, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event,
        Events, Message, PeerConnection,
    };
    use ortica_core::Rng;
    use std::cell::Cell;
    use std::net::{Ipv4Addr, SocketAddr};

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    thread_local! {
        /// Seconds by which the clock of the system was set forward, or back.
        static STEP: Cell<i64> = const { Cell::new(0) };
    }

    pub(super) fn stepped(unix: Duration) -> Duration {
        let by = Duration::from_secs(STEP.get().unsigned_abs());
        if STEP.get() < 0 { unix - by } else { unix + by }
    }

    struct Call {
        a: PeerConnection,
        _b: PeerConnection,
        outgoing: DataChannel,
        incoming: DataChannel,
        events: Events,
    }

    impl Call {
        async fn new(endpoints: [Endpoint; 2], certificate: &Certificate) -> Self {
            let [(a, events), (b, mut theirs)] = endpoints.map(|endpoint| {
                let configuration = Configuration::default().with_endpoint(endpoint);
                PeerConnection::new(configuration.with_certificate(certificate.clone())).unwrap()
            });
            let outgoing = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
            a.set_local_description(None).unwrap();
            b.set_remote_description(a.local_description().unwrap()).unwrap();
            b.set_local_description(None).unwrap();
            a.set_remote_description(b.local_description().unwrap()).unwrap();
            let incoming = loop {
                if let Event::DataChannel(channel) = theirs.next().await.unwrap() {
                    break channel;
                }
            };
            assert!(outgoing.opened().await);
            Self { a, _b: b, outgoing, incoming, events }
        }

        async fn carry(&self, text: &str) {
            self.outgoing.send(text).await.unwrap();
            assert_eq!(self.incoming.recv().await, Some(Message::from(text)));
        }

        /// What time its statistics say it is.
        fn reported(&self) -> Duration {
            self.a.get_stats().iter().next().expect("there are statistics").timestamp.0
        }

        /// The states that were told after the first `connected`.
        async fn later_states(&mut self) -> Vec<ConnectionState> {
            let mut states = Vec::new();
            loop {
                let event = tokio::select! {
                    biased;
                    event = self.events.next() => event,
                    () = std::future::ready(()) => break,
                };
                if let Some(Event::ConnectionStateChange(state)) = event {
                    states.push(state);
                }
            }
            self.a.close().await;
            assert!(matches!(self.events.next().await, Some(Event::Closed(_))));
            assert_eq!(states[..2], [ConnectionState::Connecting, ConnectionState::Connected]);
            states.split_off(2)
        }
    }

    fn loopback() -> Endpoint {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Endpoint::new(EndpointConfig::default().with_addresses(vec![address])).unwrap()
    }

    /// Guards `Clock`, which looks at the time of day once for each connection: a step touches no connection there is, neither its
    /// timers nor the times it reports, and connections that are made after it work, with a certificate from before it.
    #[tokio::test]
    async fn flt_21_steps_of_the_system_clock_reach_no_connection() {
        tokio::time::timeout(Duration::from_secs(60), step_and_go_on()).await.expect("in time");
    }

    async fn step_and_go_on() {
        for step in [HOUR, -HOUR, DAY, -DAY] {
            STEP.set(0);
            let provider = ortica_core::crypto::rust_crypto::provider();
            let certificate = Certificate::generate(&provider, &mut Rng::from_number(1), time_of_day()).unwrap();
            let mut before = Call::new([loopback(), loopback()], &certificate).await;
            before.carry("before").await;
            let reported = before.reported();
            STEP.set(step);
            before.carry("after").await;
            let passed = before.reported().checked_sub(reported).expect("time goes forward");
            assert!(passed < Duration::from_secs(HOUR.unsigned_abs()) / 2, "{step}: {passed:?}");
            let after = Call::new([loopback(), loopback()], &certificate).await;
            after.carry("made after it").await;
            let apart = after.reported().abs_diff(reported);
            assert!(
                apart > Duration::from_secs(step.unsigned_abs()) / 2,
                "{step}: a new one has the new time: {apart:?}"
            );
            assert_eq!(before.later_states().await, [], "{step}");
        }
    }
}

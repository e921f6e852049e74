//! What becomes of connections when the runtime of their endpoint ends under them, over real sockets.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::engine::CloseReason;
use ortica::{ConnectionState, DataChannelInit, Event};
use sockets::{call, connection, loopback, within};
use std::fmt::Debug;
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, yield_now};

const STOPPED: CloseReason = CloseReason::DriverStopped;

/// The runtime of the test, or of endpoints.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Somebody who waits, and what it is to get.
fn waiter<T: Debug + Send + 'static>(
    name: &'static str,
    gets: &T,
    future: impl Future<Output = T> + Send + 'static,
) -> (&'static str, String, JoinHandle<String>) {
    (name, format!("{gets:?}"), tokio::spawn(async move { format!("{:?}", future.await) }))
}

/// Guards `Driver::drop` and `Cell::stop`: whoever waits for something of a connection is told that its driver is gone.
#[test]
fn who_waits_is_told_when_the_runtime_ends() {
    let (endpoints, here) = (runtime(), runtime());
    let call = endpoints.block_on(call(DataChannelInit::default()));
    let (a, channel, mut events) = (call.a.clone(), call.a_channel.clone(), call.a_events);
    here.block_on(async {
        let [reader, closed] = [(); 2].map(|()| channel.clone());
        let (closing, sctp) = (a.clone(), a.sctp().unwrap());
        let of_sctp = sctp.state();
        let waiters = vec![
            waiter("recv", &None::<()>, async move { reader.recv().await.map(drop) }),
            waiter("closed", &(), async move { _ = closed.closed().await }),
            waiter("state of SCTP", &true, async move { sctp.state_change(of_sctp).await != of_sctp }),
            waiter("events", &Some(STOPPED), async move {
                let mut last = None;
                while let Some(event) = events.next().await {
                    last = if let Event::Closed(reason) = event { Some(reason) } else { None };
                }
                last
            }),
        ];
        for _ in 0..20 {
            yield_now().await;
        }
        for (name, _, task) in &waiters {
            assert!(!task.is_finished(), "{name} waits for nothing");
        }
        endpoints.shutdown_background();
        for (name, gets, task) in waiters {
            assert_eq!(within(task).await.unwrap(), gets, "{name}");
        }
        assert_eq!(within(closing.close()).await, STOPPED);
        assert_eq!(closing.connection_state(), ConnectionState::Closed);
    });
}

/// Guards the same for a connection that the endpoint's task never came to see, and for one that is made when it is gone.
#[test]
fn a_connection_of_an_endpoint_that_never_ran_is_closed() {
    let (endpoints, here) = (runtime(), runtime());
    let endpoint = {
        let _inside = endpoints.enter();
        loopback()
    };
    let (before, _events) = connection(&endpoint);
    drop(endpoints);
    let (after, _more) = connection(&endpoint);
    here.block_on(async {
        for connection in [before, after] {
            assert_eq!(within(connection.connected()).await, Err(ConnectionState::Closed));
            assert_eq!(within(connection.close()).await, STOPPED);
        }
    });
}

//! A UDP socket that wakes its task when it can be read, and never because it could be written.
//!
//! Nothing waits for a send buffer: what finds it full is lost, as on the way. Yet a system that was asked would tell with each
//! packet that leaves it, and for each packet the task would be woken once more.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What a read brought.
pub(super) struct Read<T> {
    pub value: T,
    /// Nothing is left, as far as the read could tell, so that it need not be tried again until the system says so.
    pub is_last: bool,
}

pub(super) use registered::Readable;

#[cfg(unix)]
mod registered {
    use super::*;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// See the module.
    #[derive(Debug)]
    pub struct Readable(AsyncFd<Arc<UdpSocket>>);

    impl Readable {
        /// Takes a socket that does not block.
        pub fn new(socket: Arc<UdpSocket>) -> io::Result<Self> {
            #[allow(
                deprecated,
                reason = "its successor is unsafe; a UdpSocket keeps its descriptor, which is all that is asked"
            )]
            AsyncFd::with_interest(socket, Interest::READABLE).map(Self)
        }

        /// Reads once there is something to read.
        pub fn poll_read<T>(
            &self,
            cx: &mut Context<'_>,
            mut read: impl FnMut(&UdpSocket) -> io::Result<Read<T>>,
        ) -> Poll<io::Result<T>> {
            loop {
                let mut guard = ready!(self.0.poll_read_ready(cx))?;
                match read(self.0.get_ref()) {
                    Ok(Read { value, is_last }) => {
                        if is_last {
                            guard.clear_ready();
                        }
                        return Poll::Ready(Ok(value));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }
    }
}

#[cfg(not(unix))]
mod registered {
    use super::*;
    use socket2::SockRef;
    use tokio::io::Interest;

    /// See the module; here the runtime asks for both all the same.
    #[derive(Debug)]
    pub struct Readable {
        registered: tokio::net::UdpSocket,
        socket: Arc<UdpSocket>,
    }

    impl Readable {
        /// Takes a socket that does not block.
        pub fn new(socket: Arc<UdpSocket>) -> io::Result<Self> {
            let registered = tokio::net::UdpSocket::from_std(SockRef::from(&*socket).try_clone()?.into())?;
            Ok(Self { registered, socket })
        }

        /// Reads once there is something to read.
        pub fn poll_read<T>(
            &self,
            cx: &mut Context<'_>,
            mut read: impl FnMut(&UdpSocket) -> io::Result<Read<T>>,
        ) -> Poll<io::Result<T>> {
            loop {
                ready!(self.registered.poll_recv_ready(cx))?;
                let outcome = self.registered.try_io(Interest::READABLE, || read(&self.socket));
                match outcome {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return Poll::Ready(outcome.map(|read| read.value)),
                }
            }
        }
    }
}

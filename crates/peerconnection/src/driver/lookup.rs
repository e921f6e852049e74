//! Names of servers, asked of the system's resolver.

use crate::engine::TransportId;
use crate::peer::Question;
use ortica_ice::ResolveId;
use std::net::IpAddr;
use std::task::{Context, Poll};
use tokio::task::{AbortHandle, JoinSet};

/// Questions under way, over all sessions; a later one is answered with no address.
const MAX_QUESTIONS: usize = 1024;

/// Who asked the resolver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub session: usize,
    pub transport: TransportId,
    pub id: ResolveId,
}

/// Questions under way. Nobody waits for the answer of one that was forgotten.
#[derive(Default)]
pub(super) struct Lookups {
    tasks: JoinSet<(Asker, Option<IpAddr>)>,
    asked: Vec<(usize, AbortHandle)>,
    refused: Vec<Asker>,
    /// Something was asked since the last poll, which does not know to wake for it.
    begun: bool,
}

impl Lookups {
    pub fn ask(&mut self, session: usize, question: Question) {
        self.begun = true;
        let asker = Asker { session, transport: question.transport, id: question.id };
        if self.tasks.len() >= MAX_QUESTIONS {
            self.refused.push(asker);
            return;
        }
        let task = self.tasks.spawn(async move { (asker, look_up(&question.name).await) });
        self.asked.push((session, task));
    }

    /// Whether to poll again at once.
    pub fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    pub fn forget(&mut self, session: usize) {
        for (_, task) in self.asked.extract_if(.., |(asker, _)| *asker == session) {
            task.abort();
        }
        self.refused.retain(|asker| asker.session != session);
    }

    /// The answers that have come.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Vec<(Asker, Option<IpAddr>)> {
        let mut answers: Vec<_> = self.refused.drain(..).map(|asker| (asker, None)).collect();
        while let Poll::Ready(Some(done)) = self.tasks.poll_join_next(cx) {
            answers.extend(done);
        }
        self.asked.retain(|(_, task)| !task.is_finished());
        answers
    }
}

/// IPv4 first: it is behind NATs of IPv4 that a host does not know its address.
async fn look_up(name: &str) -> Option<IpAddr> {
    let found: Vec<IpAddr> = tokio::net::lookup_host((name, 0)).await.ok()?.map(|address| address.ip()).collect();
    found.iter().find(|ip| ip.is_ipv4()).or(found.first()).copied()
}

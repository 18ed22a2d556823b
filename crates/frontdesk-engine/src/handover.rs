//! New connections go to the thread that has fewer. The kernel deals them out by a hash, which piles a few long ones
//! up on one core as soon as chance wants it.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

use crate::listener::admit;
use crate::thread::Thread;

/// Connections on their way to one thread, at the most; beyond it they stay where they are.
const ON_THE_WAY: usize = 64;
/// Part of a thread's connections by which it may exceed another one: to move every connection of many would cost
/// more than it evens out.
const TOLERANCE: usize = 8;
/// How often a thread looks whether it knows a listener by now, and for how long: one that is new is not known to
/// all threads at the same moment.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 200;

/// A connection that changes its thread. It counts as open already.
pub(crate) struct Handed {
    io: std::net::TcpStream,
    peer: IpAddr,
    listener: String,
}

/// The threads of an engine as they see each other.
#[derive(Default)]
pub(crate) struct Lanes(Vec<Lane>);

struct Lane {
    open: AtomicUsize,
    sender: Sender<Handed>,
}

impl Lanes {
    /// Lanes for so many threads, and what each of them is to receive from.
    pub(crate) fn new(threads: usize) -> (Lanes, Vec<Receiver<Handed>>) {
        let lanes = (0..threads).map(|_| {
            let (sender, receiver) = channel(ON_THE_WAY);
            let open = AtomicUsize::new(0);
            (Lane { open, sender }, receiver)
        });
        let (lanes, receivers) = lanes.unzip();
        (Lanes(lanes), receivers)
    }

    /// A connection is open on a thread.
    pub(crate) fn opened(&self, thread: usize) {
        if let Some(lane) = self.0.get(thread) {
            lane.open.fetch_add(1, Relaxed);
        }
    }

    /// It is closed.
    pub(crate) fn closed(&self, thread: usize) {
        if let Some(lane) = self.0.get(thread) {
            lane.open.fetch_sub(1, Relaxed);
        }
    }

    /// The thread that should rather have the next connection of a thread.
    fn better(&self, own: usize) -> Option<&Lane> {
        let mine = self.0.get(own)?.open.load(Relaxed);
        let least = self.0.iter().min_by_key(|lane| lane.open.load(Relaxed))?;
        let theirs = least.open.load(Relaxed);
        (mine > theirs + mine / TOLERANCE).then_some(least)
    }

    /// Gives a connection away if another thread should have it.
    ///
    /// # Errors
    /// It stays here; or it is lost, where it cannot be taken from this thread's poll.
    pub(crate) fn give(
        &self,
        own: usize,
        io: TcpStream,
        peer: IpAddr,
        name: &str,
    ) -> Result<(), Option<TcpStream>> {
        let Some(lane) = self.better(own) else {
            return Err(Some(io));
        };
        let Ok(place) = lane.sender.try_reserve() else {
            return Err(Some(io));
        };
        let io = io.into_std().map_err(|_| None)?;
        // Counted at once, so that a burst does not go to one thread.
        lane.open.fetch_add(1, Relaxed);
        place.send(Handed {
            io,
            peer,
            listener: name.to_owned(),
        });
        Ok(())
    }
}

/// Takes the connections that other threads give.
pub(crate) async fn receive(thread: Rc<Thread>, mut receiver: Receiver<Handed>) {
    while let Some(handed) = receiver.recv().await {
        tokio::task::spawn_local(take(Rc::clone(&thread), handed));
    }
}

async fn take(thread: Rc<Thread>, handed: Handed) {
    for _ in 0..LOOKS {
        if let Some(settings) = thread.listener(&handed.listener) {
            if let Ok(io) = TcpStream::from_std(handed.io) {
                admit(io, handed.peer, &settings, &thread);
                return;
            }
            break;
        }
        sleep(LOOK).await;
    }
    thread.shared.open.fetch_sub(1, Relaxed);
    thread.shared.lanes.closed(thread.index);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn better(open: &[usize], own: usize) -> bool {
        let (lanes, _receivers) = Lanes::new(open.len());
        for (thread, count) in open.iter().enumerate() {
            lanes.0[thread].open.store(*count, Relaxed);
        }
        lanes.better(own).is_some()
    }

    #[test]
    fn few_connections_are_dealt_out_evenly_and_many_nearly() {
        assert!(!better(&[0, 0], 0));
        assert!(better(&[1, 0], 0));
        assert!(!better(&[1, 1], 0));
        assert!(better(&[3, 4, 2], 1));
        assert!(!better(&[3, 4, 2], 2));
        assert!(!better(&[1000, 900], 0));
        assert!(better(&[1000, 800], 0));
        assert!(!better(&[5], 0));
        assert!(Lanes::default().better(0).is_none());
    }
}

//! The thread that writes the access log. Serving threads hand over batches and never wait: when the writer
//! cannot keep up, batches are dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Batches that may wait for the writer.
const QUEUE: usize = 64;

enum Message {
    Batch(Vec<u8>),
    /// The wishes have changed.
    Look,
}

/// What the writer is to do from now on. It stands beside the queue, so that nobody ever waits for a place
/// in it: the writer may be stuck for good behind a reader of stdout that does not read.
#[derive(Default)]
struct Wishes {
    to: Mutex<String>,
    reopen: AtomicBool,
    /// There was no place in the queue to say so.
    unsaid: AtomicBool,
}

/// The serving threads' end.
#[derive(Clone)]
pub(crate) struct LogWriter {
    queue: SyncSender<Message>,
    wishes: Arc<Wishes>,
}

impl LogWriter {
    /// Starts the writer thread; it ends when the last sender is gone.
    ///
    /// # Errors
    /// The thread could not be started.
    pub(crate) fn start() -> io::Result<LogWriter> {
        let (queue, receiver) = sync_channel(QUEUE);
        let wishes = Arc::new(Wishes::default());
        let seen = Arc::clone(&wishes);
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || run(&receiver, &seen))?;
        Ok(LogWriter { queue, wishes })
    }

    /// Hands over a batch; false if it had to be dropped.
    pub(crate) fn write(&self, batch: Vec<u8>) -> bool {
        !matches!(
            self.queue.try_send(Message::Batch(batch)),
            Err(TrySendError::Full(_))
        )
    }

    /// Changes the destination, for what is handed over from now on.
    pub(crate) fn send_to(&self, to: &str) {
        to.clone_into(
            &mut self
                .wishes
                .to
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.nudge();
    }

    /// Opens the file again.
    pub(crate) fn reopen(&self) {
        self.wishes.reopen.store(true, SeqCst);
        self.nudge();
    }

    fn nudge(&self) {
        if self.queue.try_send(Message::Look).is_err() {
            self.wishes.unsaid.store(true, SeqCst);
        }
    }
}

enum Sink {
    Off,
    Stdout,
    File(File),
}

fn run(receiver: &Receiver<Message>, wishes: &Wishes) {
    let mut to = "off".to_owned();
    let mut sink = Sink::Off;
    while let Ok(message) = receiver.recv() {
        if wishes.unsaid.swap(false, SeqCst) || matches!(message, Message::Look) {
            let wanted = wishes.to.lock().unwrap_or_else(PoisonError::into_inner);
            if wishes.reopen.swap(false, SeqCst) || *wanted != to {
                to.clone_from(&wanted);
                drop(wanted);
                sink = open(&to);
            }
        }
        if let Message::Batch(batch) = message {
            write(&mut sink, &batch);
        }
    }
}

fn open(to: &str) -> Sink {
    match to {
        "off" => Sink::Off,
        "stdout" => Sink::Stdout,
        path => match OpenOptions::new().create(true).append(true).open(path) {
            Ok(file) => Sink::File(file),
            Err(error) => {
                eprintln!(
                    "frontdesk: access log {path}: {error}; nothing is logged until it can be opened (SIGUSR1 tries again)"
                );
                Sink::Off
            }
        },
    }
}

fn write(sink: &mut Sink, batch: &[u8]) {
    let result = match sink {
        Sink::Off => Ok(()),
        Sink::Stdout => io::stdout()
            .write_all(batch)
            .and_then(|()| io::stdout().flush()),
        Sink::File(file) => file.write_all(batch),
    };
    // A full disk or a closed pipe must not fail one request: the records are lost, the next try may succeed.
    if let Err(error) = result
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("frontdesk: access log: {error}");
    }
}

/// Whether a destination can be opened; asked before a configuration is taken.
pub(crate) fn check(to: &str) -> Result<(), String> {
    if matches!(to, "off" | "stdout") {
        return Ok(());
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(to)
        .map(drop)
        .map_err(|error| format!("the access log {to} cannot be opened: {error}"))
}

//! The thread that writes the access log. Serving threads hand over batches and never wait: when the writer
//! cannot keep up, batches are dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

/// Batches that may wait for the writer.
const QUEUE: usize = 64;

enum Message {
    Batch(Vec<u8>),
    /// Write to another place from now on.
    To(String),
    /// Open the file again, after a rotation.
    Reopen,
}

/// The serving threads' end.
#[derive(Clone)]
pub(crate) struct LogWriter(SyncSender<Message>);

impl LogWriter {
    /// Starts the writer thread; it ends when the last sender is gone.
    ///
    /// # Errors
    /// The thread could not be started.
    pub(crate) fn start() -> io::Result<LogWriter> {
        let (sender, receiver) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || run(&receiver))?;
        Ok(LogWriter(sender))
    }

    /// Hands over a batch; false if it had to be dropped.
    pub(crate) fn write(&self, batch: Vec<u8>) -> bool {
        !matches!(
            self.0.try_send(Message::Batch(batch)),
            Err(TrySendError::Full(_))
        )
    }

    /// Changes the destination; waits for a place in the queue.
    pub(crate) fn send_to(&self, to: &str) {
        // An error means that the writer is gone, and with it every reader of this log.
        let _ = self.0.send(Message::To(to.to_owned()));
    }

    /// Opens the file again.
    pub(crate) fn reopen(&self) {
        let _ = self.0.try_send(Message::Reopen);
    }
}

enum Sink {
    Off,
    Stdout,
    File(File),
}

fn run(receiver: &Receiver<Message>) {
    let mut to = "off".to_owned();
    let mut sink = Sink::Off;
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Batch(batch) => write(&mut sink, &batch),
            Message::To(destination) => {
                if destination != to {
                    sink = open(&destination);
                    to = destination;
                }
            }
            Message::Reopen => sink = open(&to),
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

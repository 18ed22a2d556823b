//! The thread that writes the access log. Serving threads hand over batches and never wait: when the writer
//! cannot keep up, batches are dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two complaints about the same trouble.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);
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
    /// Records that could not be written.
    lost: AtomicU64,
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

    /// Records that were handed over and could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.wishes.lost.load(SeqCst)
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
    let mut trouble = Trouble::default();
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
            let lost = write(&mut sink, &batch, &mut trouble);
            wishes.lost.fetch_add(lost, SeqCst);
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

/// What has gone wrong with writing.
#[derive(Default)]
struct Trouble {
    complained: Option<Instant>,
    /// The last record stands there without its end.
    torn: bool,
}

/// Writes a batch; how many of its records were lost. A full disk or a closed pipe must not fail one request:
/// the next try may succeed.
fn write(sink: &mut Sink, batch: &[u8], trouble: &mut Trouble) -> u64 {
    let out: &mut dyn Write = match sink {
        Sink::Off => return 0,
        Sink::Stdout => &mut io::stdout(),
        Sink::File(file) => file,
    };
    let mut written = 0;
    let result = (|| {
        if trouble.torn {
            out.write_all(b"\n")?;
            trouble.torn = false;
        }
        while written < batch.len() {
            match out.write(&batch[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        out.flush()
    })();
    let Err(error) = result else { return 0 };
    trouble.torn |= written > 0 && batch.get(written - 1) != Some(&b'\n');
    let lost = memchr::memchr_iter(b'\n', &batch[written..]).count() as u64;
    let silent = trouble
        .complained
        .is_some_and(|last| last.elapsed() < COMPLAIN_EVERY);
    if !silent {
        trouble.complained = Some(Instant::now());
        eprintln!(
            "frontdesk: access log: {error}; records are lost and counted \
             (frontdesk_access_log_dropped_total)"
        );
    }
    lost
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
        .map_err(|error| format!("observe.access_log.to: the file {to} cannot be opened: {error}"))
}

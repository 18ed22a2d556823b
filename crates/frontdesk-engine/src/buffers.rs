//! Read buffers and their free lists.

use std::cell::RefCell;

/// Size of an ordinary buffer.
pub(crate) const SMALL: usize = 16 * 1024;
/// Size of a buffer for a long body.
pub(crate) const LARGE: usize = 32 * 1024;
/// Bytes in free lists of one kind, at the most.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// A buffer that is filled at its end and consumed at its start. The memory is always initialised.
#[derive(Default)]
pub(crate) struct Buf {
    data: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buf {
    /// What has come and is not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether there is memory behind it at all.
    pub(crate) fn is_vacant(&self) -> bool {
        self.data.is_empty()
    }

    /// Room for more bytes; may be empty.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.data[self.end..]
    }

    /// Counts bytes that were put into [`Buf::space`].
    pub(crate) fn filled(&mut self, n: usize) {
        debug_assert!(self.end + n <= self.data.len());
        self.end += n;
    }

    /// Drops bytes from the front. An empty buffer starts again at its beginning.
    pub(crate) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.len());
        self.start += n;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Moves unread bytes to the beginning, so that the space is as large as it can be.
    pub(crate) fn compact(&mut self) {
        if self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Makes the buffer hold at least `size` bytes in all.
    pub(crate) fn grow(&mut self, size: usize) {
        if self.data.len() < size {
            self.data.resize(size, 0);
        }
    }

    /// Appends bytes that fit.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.space()[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Gives up the memory.
    pub(crate) fn take_data(&mut self) -> Vec<u8> {
        self.start = 0;
        self.end = 0;
        std::mem::take(&mut self.data)
    }
}

/// The free lists of one thread.
#[derive(Default)]
pub(crate) struct Buffers {
    small: RefCell<Vec<Vec<u8>>>,
    large: RefCell<Vec<Vec<u8>>>,
    scratch: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// A buffer of [`SMALL`] bytes.
    pub(crate) fn small(&self) -> Buf {
        let data = self
            .small
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| vec![0; SMALL]);
        Buf {
            data,
            start: 0,
            end: 0,
        }
    }

    /// A buffer of [`LARGE`] bytes.
    pub(crate) fn large(&self) -> Buf {
        let data = self
            .large
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| vec![0; LARGE]);
        Buf {
            data,
            start: 0,
            end: 0,
        }
    }

    /// Takes a buffer's memory back; odd sizes are freed.
    pub(crate) fn give(&self, mut buf: Buf) {
        self.give_data(buf.take_data());
    }

    /// Takes memory back.
    pub(crate) fn give_data(&self, data: Vec<u8>) {
        let list = match data.len() {
            SMALL => &self.small,
            LARGE => &self.large,
            _ => return self.give_scratch(data),
        };
        let mut list = list.borrow_mut();
        if list.len() < KEPT_BYTES / data.len() {
            list.push(data);
        }
    }

    /// An empty vector to write a message into.
    pub(crate) fn scratch(&self) -> Vec<u8> {
        self.scratch
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(4096))
    }

    /// Takes such a vector back; one that grew large is freed.
    pub(crate) fn give_scratch(&self, mut scratch: Vec<u8>) {
        let mut list = self.scratch.borrow_mut();
        if scratch.capacity() <= LARGE && list.len() < KEPT_BYTES / LARGE {
            scratch.clear();
            list.push(scratch);
        }
    }
}

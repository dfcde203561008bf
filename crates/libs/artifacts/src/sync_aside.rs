//! A long file goes to the disk while it is still being written.
//!
//! Otherwise all of it waits for the sync at the end, during which nothing is computed: a
//! tenth of a run that writes 200 MB in a second. A thread that mostly sleeps in the kernel
//! syncs what there is; what it was told goes to the one who finishes the file, since the
//! system reports a failed write only once.

use std::fs::File;
use std::io::{Error, Result};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// So many bytes are handed over at a time; shorter files see no thread.
const BYTES: usize = 8 << 20;

/// Syncs one file aside.
#[derive(Default)]
pub(crate) struct SyncAside {
    /// Bytes written since the thread was last asked.
    waiting: usize,
    thread: Option<(SyncSender<()>, JoinHandle<Result<()>>)>,
}

impl SyncAside {
    /// To be told when so many bytes were written to `file`.
    pub(crate) fn wrote(&mut self, bytes: usize, file: &File) -> Result<()> {
        self.waiting += bytes;
        if self.waiting < BYTES {
            return Ok(());
        }
        self.waiting = 0;
        if self.thread.is_none() {
            self.thread = Some(start(file.try_clone()?));
        }
        if let Some((ask, _)) = &self.thread {
            // Full or closed: it will sync later than now, or has failed and says so at the end.
            let _ = ask.try_send(());
        }
        Ok(())
    }

    /// Waits for the thread; what remains to be synced is the caller's.
    pub(crate) fn finish(self) -> Result<()> {
        let Some((ask, thread)) = self.thread else { return Ok(()) };
        drop(ask);
        thread.join().unwrap_or_else(|_| Err(Error::other("the thread that syncs has panicked")))
    }
}

fn start(file: File) -> (SyncSender<()>, JoinHandle<Result<()>>) {
    let (ask, asked) = sync_channel(1);
    let sync = move || asked.into_iter().try_for_each(|()| file.sync_data());
    (ask, std::thread::spawn(sync))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_has_no_thread_and_a_long_one_has_one() {
        let file = tempfile::tempfile().unwrap();
        let mut aside = SyncAside::default();
        aside.wrote(BYTES - 1, &file).unwrap();
        assert!(aside.thread.is_none());
        for _ in 0..9 {
            aside.wrote(BYTES, &file).unwrap();
        }
        assert!(aside.thread.is_some());
        aside.finish().unwrap();
    }

    #[test]
    fn a_failed_sync_is_told_at_the_end() {
        // A device that cannot be synced.
        let file = File::open("/dev/null").unwrap();
        let mut aside = SyncAside::default();
        aside.wrote(BYTES, &file).unwrap();
        assert!(aside.finish().is_err());
    }
}

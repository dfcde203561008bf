//! Syncing a long file to disk while it is still being written.
//!
//! One sync at the end would leave the CPU idle meanwhile: a tenth of a run that writes 200 MB in a
//! second. The thread's result is kept until the file is finished, because the system reports a
//! failed write only once.

use std::fs::File;
use std::io::{Error, Result};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes between two syncs; a shorter file starts no thread.
const SYNC_BYTES: usize = 8 << 20;

/// Syncs one file from a thread of its own.
#[derive(Default)]
pub(crate) struct BackgroundFsync {
    /// Bytes written since the last request.
    unsynced: usize,
    thread: Option<(SyncSender<()>, JoinHandle<Result<()>>)>,
}

impl BackgroundFsync {
    /// Counts bytes that were written to `file`, and requests a sync when they are many.
    pub(crate) fn wrote(&mut self, bytes: usize, file: &File) -> Result<()> {
        self.unsynced += bytes;
        if self.unsynced < SYNC_BYTES {
            return Ok(());
        }
        self.unsynced = 0;
        if self.thread.is_none() {
            self.thread = Some(start(file.try_clone()?));
        }
        if let Some((request, _)) = &self.thread {
            // Full: a sync is pending already. Closed: it failed, and `finish` returns the error.
            let _ = request.try_send(());
        }
        Ok(())
    }

    /// Waits for the thread. The caller syncs what was written since.
    pub(crate) fn finish(self) -> Result<()> {
        let Some((request, thread)) = self.thread else { return Ok(()) };
        drop(request);
        thread.join().unwrap_or_else(|_| Err(Error::other("the fsync thread panicked")))
    }
}

fn start(file: File) -> (SyncSender<()>, JoinHandle<Result<()>>) {
    let (request, requests) = sync_channel(1);
    let sync = move || requests.into_iter().try_for_each(|()| file.sync_data());
    (request, std::thread::spawn(sync))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_file_starts_a_thread() {
        let file = tempfile::tempfile().unwrap();
        let mut fsync = BackgroundFsync::default();
        fsync.wrote(SYNC_BYTES - 1, &file).unwrap();
        assert!(fsync.thread.is_none());
        for _ in 0..9 {
            fsync.wrote(SYNC_BYTES, &file).unwrap();
        }
        assert!(fsync.thread.is_some());
        fsync.finish().unwrap();
    }

    #[test]
    fn a_failed_sync_is_returned_by_finish() {
        // A device that cannot be synced.
        let file = File::open("/dev/null").unwrap();
        let mut fsync = BackgroundFsync::default();
        fsync.wrote(SYNC_BYTES, &file).unwrap();
        assert!(fsync.finish().is_err());
    }
}

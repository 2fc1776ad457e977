//! What waits to be done by the threads of a digest: bounded, and no thread is woken without need.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that wait at most before the thread that finds them does one itself. Each may hold a folder open, so this bounds descriptors too.
const FULL: usize = 64;
/// Jobs that have to wait before a sleeping thread is woken: on a busy machine a wake-up costs more than a job.
const WORTH_WAKING: usize = 8;

/// A queue of jobs for several threads.
pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
}

struct Inner<T> {
    jobs: VecDeque<T>,
    sleepers: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                jobs: VecDeque::new(),
                sleepers: 0,
                closed: false,
            }),
            filled: Condvar::new(),
        }
    }

    pub(super) fn push(&self, job: T) {
        let mut inner = self.lock();
        inner.jobs.push_back(job);
        let waiting = inner.jobs.len();
        let wake = inner.sleepers > 0 && (inner.closed || waiting >= WORTH_WAKING);
        drop(inner);
        if wake {
            self.filled.notify_one();
        }
    }

    /// The next job, when so many wait that the thread that finds jobs has to do some.
    pub(super) fn take_if_full(&self) -> Option<T> {
        let mut inner = self.lock();
        if inner.jobs.len() < FULL {
            return None;
        }
        inner.jobs.pop_front()
    }

    /// The next job, waiting for one until the queue is closed. The last one of the queue is given to `halve` when others have nothing
    /// to do: what it gives goes back for them.
    pub(super) fn next(&self, halve: impl FnOnce(&mut T) -> Option<T>) -> Option<T> {
        let mut inner = self.lock();
        while inner.jobs.is_empty() && !inner.closed {
            inner.sleepers += 1;
            inner = self
                .filled
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
            inner.sleepers -= 1;
        }
        let mut job = inner.jobs.pop_front()?;
        if inner.sleepers > 0
            && inner.jobs.is_empty()
            && let Some(half) = halve(&mut job)
        {
            inner.jobs.push_back(half);
            drop(inner);
            self.filled.notify_one();
        }
        Some(job)
    }

    /// No more jobs come from outside: who waits goes home when the queue is empty.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_it_is_full_and_gives_everything_back_in_order() {
        let queue = Queue::new();
        (1..FULL).for_each(|job| queue.push(job));
        assert_eq!(queue.take_if_full(), None);
        queue.push(FULL);
        assert_eq!(queue.take_if_full(), Some(1));
        assert_eq!(queue.take_if_full(), None);
        queue.close();
        let rest: Vec<usize> = std::iter::from_fn(|| queue.next(|_| None)).collect();
        assert_eq!(rest, (2..=FULL).collect::<Vec<_>>());
        assert_eq!(queue.next(|_| None), None);
    }

    #[test]
    fn one_job_alone_wakes_no_thread_but_closing_does() {
        let queue = Queue::new();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| queue.next(|_| None));
            while queue.lock().sleepers == 0 {
                std::thread::yield_now();
            }
            queue.push(7);
            assert_eq!(queue.lock().sleepers, 1);
            queue.close();
            assert_eq!(sleeper.join().expect("sleeper"), Some(7));
        });
    }
}
